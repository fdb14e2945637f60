// Batches of 1 to 8 samples on one thread against OpenBLAS, sgemv for one sample, and against the library's own dense
// product. The sparse product, the same for one sample, and the dense products take turns of one call: the dense weight
// of a large layer throws the sparse one out of the caches in between, as the layers of a model do.
#include <fmt/format.h>

#include <cstdint>

#include "bench/openblas.h"
#include "bench/patterns.h"
#include "bench/products.h"
#include "bench/program.h"
#include "bench/timing.h"

namespace gossamer::bench {
namespace {

void measure(benchmark::State& state, Kernel kernel, const LayerSize& size, double sparsity) {
  const auto pattern = uniform_pattern(size.m, size.k, sparsity);
  CsrProducts one(pattern, 1), products(pattern, size.n);
  DenseProducts dense(size);
  const bool has_own = kernel == Kernel::Forward;
  Contender contenders[] = {{[&] { dense.run(kernel, 1); }, {}},
                            {[&] { products.run(kernel, Layout::BatchFirst); }, {}},
                            {[&] { dense.run_library(kernel); }, {}},
                            {[&] { one.run(kernel, Layout::BatchFirst); }, {}}};
  take_turns(contenders, {.warm = false, .budget_s = 0, .min_rounds = 15});

  const double time = contenders[1].time();
  set_time(state, time);
  state.counters["ns/nnz"] = time * 1e9 / static_cast<double>(pattern->nnz());
  state.counters["GB/s"] = static_cast<double>(products.bytes(kernel)) / time / 1e9;
  state.counters["OpenBLAS.GB/s"] = static_cast<double>(dense.bytes(kernel)) / contenders[0].time() / 1e9;
  state.counters["ratio"] = contenders[0].time() / time;
  if (has_own) {
    state.counters["own.GB/s"] = static_cast<double>(dense.bytes(kernel)) / contenders[2].time() / 1e9;
    state.counters["own.ratio"] = contenders[2].time() / time;
  }
  if (size.n > 1) state.counters["times_one_sample"] = time / contenders[3].time();
}

int run(int argc, char** argv) {
  for (const Kernel kernel : {Kernel::Forward, Kernel::WeightGrad}) {
    for (const LayerSize& layer : {LayerSize{1024, 1024, 1}, LayerSize{4096, 4096, 1}, LayerSize{11008, 4096, 1}}) {
      for (const double sparsity : {0.8, 0.9, 0.95, 0.99}) {
        for (const int64_t n : {1, 2, 4, 8}) {
          const LayerSize size{layer.m, layer.k, n};
          add_benchmark(fmt::format("{}/{}x{}x{}/sparsity:{:g}", name(kernel), size.m, size.k, size.n, sparsity),
                        [=](benchmark::State& state) { measure(state, kernel, size, sparsity); });
        }
      }
    }
  }
  return run_benchmarks(argc, argv);
}

}  // namespace
}  // namespace gossamer::bench

int main(int argc, char** argv) {
  return gossamer::bench::run_program("bench_small_batch", [&] { return gossamer::bench::run(argc, argv); });
}
