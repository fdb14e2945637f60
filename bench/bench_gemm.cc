// Our split of dense products against OpenBLAS's own threading, in turns, at the same shape and number of threads. The
// shapes are the three products of a linear layer. time_over_openblas must not exceed 1.05.
#include <cblas.h>
#include <fmt/format.h>

#include <cstdint>
#include <vector>

#include "bench/openblas.h"
#include "bench/program.h"
#include "bench/timing.h"
#include "runtime/blas.h"

namespace gossamer::bench {
namespace {

using rt::GemmShape;
using rt::Trans;

void measure(benchmark::State& state, const GemmShape& s, int threads) {
  const int64_t lda = s.trans_a == Trans::Yes ? s.m : s.k;
  const int64_t ldb = s.trans_b == Trans::Yes ? s.k : s.n;
  const std::vector<float> a(static_cast<size_t>(s.m * s.k), 0.5F);
  const std::vector<float> b(static_cast<size_t>(s.k * s.n), 0.25F);
  std::vector<float> c(static_cast<size_t>(s.m * s.n));
  const auto gossamer_gemm = [&] { rt::gemm<float>(s, {a.data(), lda}, {b.data(), ldb}, 0, {c.data(), s.n}); };
  const auto open_blas = [&] {
    const BlasThreads blas_threads(threads);
    cblas_sgemm(CblasRowMajor, s.trans_a == Trans::Yes ? CblasTrans : CblasNoTrans,
                s.trans_b == Trans::Yes ? CblasTrans : CblasNoTrans, static_cast<blasint>(s.m),
                static_cast<blasint>(s.n), static_cast<blasint>(s.k), 1, a.data(), static_cast<blasint>(lda), b.data(),
                static_cast<blasint>(ldb), 0, c.data(), static_cast<blasint>(s.n));
  };

  Contender contenders[] = {{gossamer_gemm, {}}, {open_blas, {}}};
  take_turns(contenders, {.threads = threads, .budget_s = 0.5, .min_rounds = 7});
  const double flop = 2.0 * static_cast<double>(s.m) * static_cast<double>(s.n) * static_cast<double>(s.k);
  set_time(state, contenders[0].time());
  state.counters["FLOP/s"] = flop / contenders[0].time();
  state.counters["OpenBLAS.FLOP/s"] = flop / contenders[1].time();
  state.counters["time_over_openblas"] = contenders[0].time() / contenders[1].time();
}

void add(const GemmShape& s, int threads) {
  const auto side = [](const char* name, Trans trans) {
    return fmt::format("{}{}", name, trans == Trans::Yes ? "t" : "");
  };
  add_benchmark(
      fmt::format("gemm/{}x{}x{}/{}.{}/threads:{}", s.m, s.n, s.k, side("A", s.trans_a), side("B", s.trans_b), threads),
      [s, threads](benchmark::State& state) { measure(state, s, threads); });
}

int run(int argc, char** argv) {
  struct Layer {
    int64_t in, out;
  };
  for (const int64_t batch : {128, 512}) {
    for (const auto& [in, out] : {Layer{784, 1024}, Layer{1024, 1024}, Layer{4096, 1024}, Layer{1024, 4096}}) {
      for (const int threads : {1, 2}) {
        add({.m = batch, .n = out, .k = in, .trans_b = Trans::Yes}, threads);
        add({.m = batch, .n = in, .k = out}, threads);
        add({.m = out, .n = in, .k = batch, .trans_a = Trans::Yes}, threads);
      }
    }
  }
  return run_benchmarks(argc, argv);
}

}  // namespace
}  // namespace gossamer::bench

int main(int argc, char** argv) {
  return gossamer::bench::run_program("bench_gemm", [&] { return gossamer::bench::run(argc, argv); });
}
