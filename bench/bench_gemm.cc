// Our split of dense products against OpenBLAS's own threading, at the same shape and number of threads.
#include <benchmark/benchmark.h>
#include <cblas.h>

#include <cstdint>
#include <vector>

#include "gossamer/runtime.h"
#include "runtime/blas.h"

namespace gossamer::rt {
namespace {

constexpr int64_t kOurs = 0;
constexpr int64_t kOpenBlas = 1;

void bench_gemm(benchmark::State& state) {
  const GemmShape s{state.range(0), state.range(1), state.range(2), static_cast<Trans>(state.range(3) != 0),
                    static_cast<Trans>(state.range(4) != 0)};
  const auto threads = static_cast<int>(state.range(5));
  const int64_t lda = s.trans_a == Trans::Yes ? s.m : s.k;
  const int64_t ldb = s.trans_b == Trans::Yes ? s.k : s.n;
  const std::vector<float> a(static_cast<size_t>(s.m * s.k), 0.5F);
  const std::vector<float> b(static_cast<size_t>(s.k * s.n), 0.25F);
  std::vector<float> c(static_cast<size_t>(s.m * s.n));
  const auto ours = [&] { gemm<float>(s, {a.data(), lda}, {b.data(), ldb}, 0, {c.data(), s.n}); };
  const auto open_blas = [&] {
    cblas_sgemm(CblasRowMajor, s.trans_a == Trans::Yes ? CblasTrans : CblasNoTrans,
                s.trans_b == Trans::Yes ? CblasTrans : CblasNoTrans, static_cast<blasint>(s.m),
                static_cast<blasint>(s.n), static_cast<blasint>(s.k), 1, a.data(), static_cast<blasint>(lda), b.data(),
                static_cast<blasint>(ldb), 0, c.data(), static_cast<blasint>(s.n));
  };

  ours();  // the first product of the process fixes OpenBLAS's threads
  if (state.range(6) == kOurs) {
    with_threads(threads, [&] {
      for (auto _ : state) ours();
    });
  } else {
    openblas_set_num_threads(threads);
    for (auto _ : state) open_blas();
    openblas_set_num_threads(1);
  }
  state.counters["FLOP/s"] =
      benchmark::Counter(2.0 * static_cast<double>(s.m) * static_cast<double>(s.n) * static_cast<double>(s.k),
                         benchmark::Counter::kIsIterationInvariantRate);
}

// The three products of a linear layer [in -> out] at a batch: forward, gradient of the input, gradient of the weight.
void shapes(benchmark::internal::Benchmark* bench) {
  struct Layer {
    int64_t in, out;
  };
  for (const int64_t batch : {128, 512}) {
    for (const auto& [in, out] : {Layer{784, 1024}, Layer{1024, 1024}, Layer{4096, 1024}, Layer{1024, 4096}}) {
      for (const int64_t threads : {1, 2}) {
        for (const int64_t who : {kOurs, kOpenBlas}) {
          bench->Args({batch, out, in, 0, 1, threads, who});
          bench->Args({batch, in, out, 0, 0, threads, who});
          bench->Args({out, in, batch, 1, 0, threads, who});
        }
      }
    }
  }
}
BENCHMARK(bench_gemm)
    ->Apply(shapes)
    ->ArgNames({"m", "n", "k", "trans_a", "trans_b", "threads", "openblas"})
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime();

}  // namespace
}  // namespace gossamer::rt

BENCHMARK_MAIN();
