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

Group group_of(const Options& options, const LayerSize& size, double sparsity, Kernel kernel, int threads,
               const std::vector<Layout>& layouts) {
  const bool few = has_few_samples(size);
  Group group = {size, sparsity, kernel, threads, {}, {}};
  for (const Layout layout : layouts) group.series.push_back({kernel, layout, threads, std::string(kOwnLibrary), few});
  for (const PeerLibrary& peer : options.peers) {
    if (threads > 1 && !peer.has_threads) continue;
    for (const Layout layout : layouts) group.series.push_back({kernel, layout, threads, std::string(peer.name), few});
  }
  return group;
}

bool has_forward(Kernel kernel) { return kernel == Kernel::Forward || kernel == Kernel::Step; }

// Answers of few samples: single calls in turns, since repeated ones would leave a weight in a cache out of which the
// other layers of a model throw it. Several threads have to be woken up first.
Turns turns_of(const Group& group, double budget_s) {
  const bool answers = group.kernel == Kernel::Forward && has_few_samples(group.size) && group.threads == 1;
  if (answers) return {.warm = false, .budget_s = budget_s, .min_rounds = 15};
  return {.threads = group.threads, .budget_s = budget_s};
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
          groups_.push_back(group_of(options, size, sparsity, kernel, threads, options.layouts));
        }
      }
    }
    if (threads > 1) continue;
    for (const LayerSize& size : options.serving) {
      for (const double sparsity : options.sparsities) {
        groups_.push_back(group_of(options, size, sparsity, Kernel::Forward, threads, {Layout::BatchFirst}));
      }
    }
  }
  for (const Group& group : groups_) work_left_ += work(group);
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

  const bool has_own_dense = has_few_samples(group.size) && has_forward(group.kernel);
  std::vector<Contender> contenders;
  contenders.push_back({[&] { layer_->dense.run(group.kernel, group.threads); }, {}});
  if (has_own_dense) contenders.push_back({[&] { layer_->dense.run_library(group.kernel); }, {}});
  const size_t first = contenders.size();  // of the series
  for (const Series& s : group.series) {
    if (s.library == kOwnLibrary) {
      contenders.push_back({[&] { layer_->csr.run(s.kernel, s.layout); }, {}});
    } else {
      Peer& peer = *layer_->peers.at(s.library);
      contenders.push_back({[&] { peer.run(s.kernel, s.layout, s.threads); }, {}});
    }
  }
  take_turns(contenders, turns_of(group, seconds_left_ * work(group) / work_left_));

  const double dense_s = has_own_dense ? std::min(contenders[0].time(), contenders[1].time()) : contenders[0].time();
  for (size_t i = 0; i < group.series.size(); ++i) {
    const Series& s = group.series[i];
    group.measured.push_back({.ratio = {s, group.size, group.sparsity, contenders[first + i].time(), dense_s},
                              .nnz = layer_->nnz,
                              .bytes = s.library == kOwnLibrary ? layer_->csr.bytes(s.kernel) : 0,
                              .turns = static_cast<int>(contenders[0].seconds.size())});
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
