// How much faster than dense is CSR? Every kernel, layout, shape and sparsity against OpenBLAS, in turns; at the end a
// table of ratios.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/machine.h"
#include "bench/options.h"
#include "bench/products.h"
#include "bench/ratios.h"
#include "bench/report.h"
#include "bench/timing.h"
#include "gossamer/random.h"

namespace gossamer::bench {
namespace {

std::shared_ptr<const CsrPattern> random_pattern(const LayerSize& size, double sparsity) {
  const int64_t all = size.m * size.k;
  const auto nnz = std::llround((1 - sparsity) * static_cast<double>(all));
  return CsrPattern::from_positions(size.m, size.k, sample_without_replacement(1, all, nnz));
}

// What takes turns together: the dense product, and ours in every layout.
struct Group {
  Kernel kernel;
  LayerSize size;
  double sparsity;
  int threads;
};

struct Measured {
  int64_t nnz;
  int64_t bytes;
  int rounds;
  std::vector<Ratio> ratios;  // one for each layout
};

// Groups are measured when the first benchmark of theirs runs, within a share of the budget that follows from their
// work.
class Measurements {
 public:
  explicit Measurements(const Options& options) : options_(options), seconds_left_(options.budget_s) {
    for (const int threads : options.threads) {
      for (const LayerSize& size : options.sizes) {
        for (const double sparsity : options.sparsities) {
          for (const Kernel kernel : options.kernels) groups_.push_back({{kernel, size, sparsity, threads}, {}});
        }
      }
    }
    for (const auto& [group, measured] : groups_) work_left_ += work(group);
  }

  size_t size() const { return groups_.size(); }
  const Group& group(size_t index) const { return groups_[index].first; }

  const Measured& measure(size_t index) {
    auto& [group, measured] = groups_[index];
    if (measured) return *measured;
    if (options_.quick) {
      fmt::print(stderr, "\r{:3}/{} {:<60}", index + 1, groups_.size(),
                 fmt::format("{} {} {:g} %", to_string(group.size), name(group.kernel), 100 * group.sparsity));
    }
    const double start = wall_seconds();
    prepare(group);
    std::vector<Contender> contenders;
    contenders.push_back({[&] { dense_->run(group.kernel, group.threads); }, {}});
    for (const Layout layout : options_.layouts) {
      contenders.push_back({[this, &group = group, layout] { csr_->run(group.kernel, layout); }, {}});
    }
    take_turns(contenders, {.threads = group.threads, .budget_s = seconds_left_ * work(group) / work_left_});
    measured = Measured{nnz_, csr_->bytes(group.kernel), static_cast<int>(contenders[0].seconds.size()), {}};
    for (size_t i = 0; i < options_.layouts.size(); ++i) {
      measured->ratios.push_back({{group.kernel, options_.layouts[i], group.threads},
                                  group.size,
                                  group.sparsity,
                                  contenders[i + 1].time(),
                                  contenders[0].time()});
    }
    seconds_left_ -= wall_seconds() - start;
    work_left_ -= work(group);
    return *measured;
  }

  std::vector<Ratio> ratios() const {
    std::vector<Ratio> all;
    for (size_t layout = 0; layout < options_.layouts.size(); ++layout) {
      for (const auto& [group, measured] : groups_) {
        if (measured) all.push_back(measured->ratios[layout]);
      }
    }
    return all;
  }

 private:
  // In dense operations; a constant for what does not shrink with the size.
  double work(const Group& group) const {
    const double share = 1 + static_cast<double>(options_.layouts.size()) * (1 - group.sparsity);
    return dense_flop(group.size, group.kernel) * share + 1e8;
  }

  void prepare(const Group& group) {
    if (!dense_ || group.size != size_) dense_ = std::make_unique<DenseProducts>(group.size);
    if (!csr_ || group.size != size_ || group.sparsity != sparsity_) {
      const auto pattern = random_pattern(group.size, group.sparsity);
      nnz_ = pattern->nnz();
      csr_ = nullptr;
      csr_ = std::make_unique<CsrProducts>(pattern, group.size.n);
    }
    size_ = group.size;
    sparsity_ = group.sparsity;
  }

  const Options& options_;
  std::vector<std::pair<Group, std::optional<Measured>>> groups_;
  double seconds_left_;
  double work_left_ = 0;
  // Those of the group measured last.
  LayerSize size_{};
  double sparsity_ = 0;
  int64_t nnz_ = 0;
  std::unique_ptr<DenseProducts> dense_;
  std::unique_ptr<CsrProducts> csr_;
};

void report(benchmark::State& state, const Group& group, const Measured& measured, const Ratio& ratio) {
  for (auto _ : state) state.SetIterationTime(ratio.sparse_s);
  const double dense = dense_flop(group.size, group.kernel);
  const double density = static_cast<double>(measured.nnz) / static_cast<double>(group.size.m * group.size.k);
  state.counters["FLOP/s"] = dense * density / ratio.sparse_s;
  state.counters["dense-eq.FLOP/s"] = dense / ratio.sparse_s;
  state.counters["OpenBLAS.FLOP/s"] = dense / ratio.dense_s;
  state.counters["bytes/s"] = static_cast<double>(measured.bytes) / ratio.sparse_s;
  state.counters["turns"] = measured.rounds;
  state.counters["ratio"] = ratio.ratio();
}

class NoReport final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>&) override {}
};

int run(int argc, char** argv) {
  std::optional<Options> options = parse_options(argc, argv);
  if (!options) return 0;
  if (!options->json.empty()) check_writable("--json", options->json);
  Measurements measurements(*options);
  for (size_t i = 0; i < measurements.size(); ++i) {
    const Group& group = measurements.group(i);
    for (size_t j = 0; j < options->layouts.size(); ++j) {
      const std::string title =
          fmt::format("{}/{}/{}/sparsity:{:g}/threads:{}", name(group.kernel), name(options->layouts[j]),
                      to_string(group.size), group.sparsity, group.threads);
      benchmark::RegisterBenchmark(title.c_str(),
                                   [&measurements, i, j](benchmark::State& state) {
                                     const Measured& measured = measurements.measure(i);
                                     report(state, measurements.group(i), measured, measured.ratios[j]);
                                   })
          ->UseManualTime()
          ->Iterations(1)
          ->Unit(benchmark::kMicrosecond);
    }
  }

  std::vector<char*> rest = {argv[0]};
  for (std::string& argument : options->rest) rest.push_back(argument.data());
  auto count = static_cast<int>(rest.size());
  benchmark::AddCustomContext("machine", describe(machine()));
  benchmark::Initialize(&count, rest.data());
  if (benchmark::ReportUnrecognizedArguments(count, rest.data())) return 1;
  NoReport none;
  benchmark::RunSpecifiedBenchmarks(options->quick ? &none : nullptr);
  if (options->quick) fmt::print(stderr, "\r{:70}\r", "");

  const std::vector<Ratio> ratios = measurements.ratios();
  fmt::print("{}", ratio_table(ratios));
  if (!options->json.empty()) write_json(ratios, options->json);
  return 0;
}

}  // namespace
}  // namespace gossamer::bench

int main(int argc, char** argv) {
  try {
    return gossamer::bench::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_ratios: {}\n", error.what());
    return 1;
  }
}
