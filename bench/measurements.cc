#include "bench/measurements.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "bench/openblas.h"
#include "bench/patterns.h"
#include "bench/peers.h"
#include "bench/products.h"
#include "bench/timing.h"

namespace gossamer::bench {

namespace {

// In dense operations. Other libraries run at about a third of Gossamer's speed; a constant stands for what does not
// shrink.
double work(const Group& group) {
  double products = 1;
  for (const Series& s : group.series) products += (1 - group.sparsity) * (s.library == kOwnLibrary ? 1 : 3);
  return dense_flop(group.size, group.kernel) * products + 1e8;
}

std::vector<Series> series_of(const Options& options, Kernel kernel, int threads) {
  std::vector<Series> series;
  for (const Layout layout : options.layouts) series.push_back({kernel, layout, threads});
  for (const PeerLibrary& peer : options.peers) {
    if (threads > 1 && !peer.has_threads) continue;
    for (const Layout layout : options.layouts) series.push_back({kernel, layout, threads, std::string(peer.name)});
  }
  return series;
}

}  // namespace

struct Measurements::Layer {
  Layer(const LayerSize& size_, double sparsity_, const std::shared_ptr<const CsrPattern>& pattern,
        const Options& options)
      : size(size_), sparsity(sparsity_), nnz(pattern->nnz()), dense(size), csr(pattern, size.n, options.execution) {
    for (const PeerLibrary& library : options.peers) peers.emplace(library.name, library.create(*pattern, size.n));
  }

  LayerSize size;
  double sparsity;
  int64_t nnz;
  DenseProducts dense;
  CsrProducts csr;
  std::map<std::string, std::unique_ptr<Peer>, std::less<>> peers;
};

Measurements::Measurements(const Options& options) : options_(options), seconds_left_(options.budget_s) {
  for (const int threads : options.threads) {
    for (const LayerSize& size : options.sizes) {
      for (const double sparsity : options.sparsities) {
        for (const Kernel kernel : options.kernels) {
          groups_.push_back({size, sparsity, kernel, threads, series_of(options, kernel, threads), {}});
          work_left_ += work(groups_.back());
        }
      }
    }
  }
}

Measurements::~Measurements() = default;

void Measurements::prepare(const Group& group) {
  if (layer_ && layer_->size == group.size && layer_->sparsity == group.sparsity) return;
  layer_ = nullptr;  // before the next one takes its memory
  const auto pattern =
      options_.pattern ? options_.pattern : uniform_pattern(group.size.m, group.size.k, group.sparsity);
  layer_ = std::make_unique<Layer>(group.size, group.sparsity, pattern, options_);
}

const Group& Measurements::measure(size_t index) {
  Group& group = groups_[index];
  if (!group.measured.empty()) return group;
  const double start = wall_seconds();
  prepare(group);

  std::vector<Contender> contenders;
  contenders.push_back({[&] { layer_->dense.run(group.kernel, group.threads); }, {}});
  for (const Series& s : group.series) {
    if (s.library == kOwnLibrary) {
      contenders.push_back({[&] { layer_->csr.run(s.kernel, s.layout); }, {}});
    } else {
      Peer& peer = *layer_->peers.at(s.library);
      contenders.push_back({[&] { peer.run(s.kernel, s.layout, s.threads); }, {}});
    }
  }
  take_turns(contenders, {.threads = group.threads, .budget_s = seconds_left_ * work(group) / work_left_});

  const Contender& dense = contenders.front();
  for (size_t i = 0; i < group.series.size(); ++i) {
    const Series& s = group.series[i];
    group.measured.push_back({.ratio = {s, group.size, group.sparsity, contenders[i + 1].time(), dense.time()},
                              .nnz = layer_->nnz,
                              .bytes = s.library == kOwnLibrary ? layer_->csr.bytes(s.kernel) : 0,
                              .turns = static_cast<int>(dense.seconds.size())});
  }
  seconds_left_ -= wall_seconds() - start;
  work_left_ -= work(group);
  return group;
}

std::vector<Ratio> Measurements::ratios() const {
  std::vector<Ratio> all;
  std::vector<Series> order;
  for (const Group& group : groups_) {
    for (const Measured& m : group.measured) {
      all.push_back(m.ratio);
      if (std::ranges::find(order, m.ratio.series) == order.end()) order.push_back(m.ratio.series);
    }
  }
  std::ranges::stable_sort(all, {}, [&](const Ratio& r) { return std::ranges::find(order, r.series) - order.begin(); });
  return all;
}

}  // namespace gossamer::bench
