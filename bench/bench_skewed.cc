// Patterns that are not uniform, on one thread: the speed on them as a share of that on a uniform pattern with as many
// nonzeros (1: no loss), in turns; and layers with one very short side against OpenBLAS.
#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "bench/openblas.h"
#include "bench/patterns.h"
#include "bench/products.h"
#include "bench/program.h"
#include "bench/timing.h"

namespace gossamer::bench {
namespace {

using PatternPtr = std::shared_ptr<const CsrPattern>;

struct Case {
  Kernel kernel;
  Layout layout;
  LayerSize size;
  double sparsity;

  std::string title(std::string_view kind) const {
    return fmt::format("{}/{}/{}/{}/sparsity:{:g}", kind, name(kernel), name(layout), to_string(size), sparsity);
  }
  double flop() const {
    return 2.0 * static_cast<double>(nonzeros(size.m, size.k, sparsity)) * static_cast<double>(size.n);
  }
};

constexpr Turns kTurns = {.budget_s = 0.3, .min_rounds = 7};

void against_uniform(benchmark::State& state, const Case& c, const PatternPtr& pattern) {
  CsrProducts skewed(pattern, c.size.n);
  CsrProducts uniform(uniform_pattern(c.size.m, c.size.k, c.sparsity), c.size.n);
  Contender contenders[] = {{[&] { skewed.run(c.kernel, c.layout); }, {}},
                            {[&] { uniform.run(c.kernel, c.layout); }, {}}};
  take_turns(contenders, kTurns);
  set_time(state, contenders[0].time());
  state.counters["FLOP/s"] = c.flop() / contenders[0].time();
  state.counters["uniform.FLOP/s"] = c.flop() / contenders[1].time();
  state.counters["of_uniform"] = contenders[1].time() / contenders[0].time();
}

void against_dense(benchmark::State& state, const Case& c) {
  CsrProducts csr(uniform_pattern(c.size.m, c.size.k, c.sparsity), c.size.n);
  DenseProducts dense(c.size);
  Contender contenders[] = {{[&] { csr.run(c.kernel, c.layout); }, {}}, {[&] { dense.run(c.kernel, 1); }, {}}};
  take_turns(contenders, kTurns);
  set_time(state, contenders[0].time());
  state.counters["FLOP/s"] = c.flop() / contenders[0].time();
  state.counters["OpenBLAS.FLOP/s"] = dense_flop(c.size, c.kernel) / contenders[1].time();
  state.counters["ratio"] = contenders[1].time() / contenders[0].time();
}

int run(int argc, char** argv) {
  struct Kind {
    const char* name;
    PatternPtr (*pattern)(int64_t rows, int64_t cols, double sparsity);
  };
  static constexpr Kind kinds[] = {
      {"zipf_rows", [](int64_t rows, int64_t cols, double s) { return zipf_rows(rows, cols, s, 1.0); }},
      {"empty_lines", [](int64_t rows, int64_t cols, double s) { return with_empty_lines(rows, cols, s, 0.7); }},
      {"rigl_like", [](int64_t rows, int64_t cols, double s) { return zipf_cols(rows, cols, s, 0.7); }},
  };
  constexpr Kernel kernels[] = {Kernel::Forward, Kernel::InputGrad, Kernel::WeightGrad};
  for (const Kind& kind : kinds) {
    for (const LayerSize& size : {LayerSize{1024, 1024, 256}, LayerSize{4096, 1024, 512}}) {
      for (const double sparsity : {0.8, 0.9, 0.95, 0.99}) {
        for (const Kernel kernel : kernels) {
          const Case c{kernel, Layout::Native, size, sparsity};
          add_benchmark(c.title(kind.name), [c, &kind](benchmark::State& state) {
            against_uniform(state, c, kind.pattern(c.size.m, c.size.k, c.sparsity));
          });
        }
      }
    }
  }
  for (const LayerSize& size : {LayerSize{10, 1024, 256}, LayerSize{1024, 10, 256}, LayerSize{50257, 768, 128}}) {
    for (const double sparsity : {0.5, 0.9, 0.99}) {
      for (const Kernel kernel : kernels) {
        for (const Layout layout : kLayouts) {
          const Case c{kernel, layout, size, sparsity};
          add_benchmark(c.title("tall_or_wide"), [c](benchmark::State& state) { against_dense(state, c); });
        }
      }
    }
  }
  return run_benchmarks(argc, argv);
}

}  // namespace
}  // namespace gossamer::bench

int main(int argc, char** argv) {
  return gossamer::bench::run_program("bench_skewed", [&] { return gossamer::bench::run(argc, argv); });
}
