// The three CSR products on one thread, packing and unpacking included, against OpenBLAS on one thread: every iteration
// times both, so that "speedup" compares the same moments of the machine.
#include <benchmark/benchmark.h>
#include <cblas.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <vector>

#include "hwy/aligned_allocator.h"
#include "kernels/csr.h"
#include "kernels/layout.h"
#include "tests/kernels/stream_builder.h"

namespace gossamer::kernels {
namespace {

using testing::random_stream;
using testing::StreamBuilder;

using Tile = hwy::AlignedFreeUniquePtr<float[]>;

Tile make_tile(int64_t features, int width) {
  const auto size = static_cast<size_t>(features * width);
  Tile tile = hwy::AllocateAligned<float>(size);
  std::fill_n(tile.get(), size, 0.5F);
  return tile;
}

// Y[N,M] = X[N,K] Wᵀ and its gradients, for W of M x K with a given sparsity.
struct Problem {
  Problem(int64_t rows, int64_t cols, int64_t batch, double sparsity)
      : samples(batch),
        layout(choose_layout(rows, cols, static_cast<int64_t>((1.0 - sparsity) * static_cast<double>(rows * cols)))),
        builder(random_stream(rows, cols, layout.block_rows, layout.panel_cols, 1.0 - sparsity, 1)),
        stream(builder.stream()),
        width(choose_tile_width(samples)),
        values(static_cast<size_t>(builder.nnz()), 0.5F),
        grad(static_cast<size_t>(builder.nnz())),
        x(static_cast<size_t>(samples * cols), 0.5F),
        y(static_cast<size_t>(samples * rows), 0.25F),
        dense(static_cast<size_t>(rows * cols), 0.5F),
        x_tile(make_tile(cols, width)),
        y_tile(make_tile(layout.block_rows, width)) {}

  int64_t block_rows(int64_t block) const {
    return std::min(stream.block_rows, stream.rows - block * stream.block_rows);
  }

  template <class Body>  // body(first sample, number of samples)
  void for_every_tile(const Body& body) {
    for (int64_t n = 0; n < samples; n += width) {
      const int count = static_cast<int>(std::min<int64_t>(width, samples - n));
      pack_tile(x.data() + n * stream.cols, stream.cols, count, stream.cols, width, x_tile.get());
      body(n, count);
    }
  }

  void sparse_forward() {
    for_every_tile([&](int64_t n, int count) {
      for (int64_t block = 0; block < stream.blocks(); ++block) {
        csr_forward_tile(stream, values.data(), block, x_tile.get(), width, nullptr, y_tile.get());
        unpack_tile(y_tile.get(), width, count, block_rows(block),
                    y.data() + n * stream.rows + block * stream.block_rows, stream.rows);
      }
    });
  }

  void sparse_weight_grad() {
    for_every_tile([&](int64_t n, int count) {
      for (int64_t block = 0; block < stream.blocks(); ++block) {
        pack_tile(y.data() + n * stream.rows + block * stream.block_rows, stream.rows, count, block_rows(block), width,
                  y_tile.get());
        csr_weight_grad_tile(stream, block, 0, stream.panels(), y_tile.get(), x_tile.get(), width, n > 0, grad.data());
      }
    });
  }

  void dense_forward() {
    const auto m = static_cast<blasint>(stream.rows), k = static_cast<blasint>(stream.cols);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<blasint>(samples), m, k, 1, x.data(), k,
                dense.data(), k, 0, y.data(), m);
  }

  // `stream` is that of the transposed weight here: the product is X W, with W of cols x rows.
  void dense_input_grad() {
    const auto m = static_cast<blasint>(stream.rows), k = static_cast<blasint>(stream.cols);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<blasint>(samples), m, k, 1, x.data(), k,
                dense.data(), m, 0, y.data(), m);
  }

  void dense_weight_grad() {
    const auto m = static_cast<blasint>(stream.rows), k = static_cast<blasint>(stream.cols);
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, m, k, static_cast<blasint>(samples), 1, y.data(), m, x.data(),
                k, 0, dense.data(), k);
  }

  int64_t samples;
  StreamLayout layout;
  StreamBuilder builder;
  CsrStream stream;
  int width;
  std::vector<float> values, grad, x, y, dense;
  Tile x_tile, y_tile;
};

// CPU time of the process, which other programs of a busy machine do not enter.
template <class Body>
double seconds(const Body& body) {
  const std::clock_t start = std::clock();
  body();
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

template <class Sparse, class Dense>
void compare(benchmark::State& state, const Problem& problem, const Sparse& sparse, const Dense& dense) {
  double sparse_seconds = 0, dense_seconds = 0;
  for (auto _ : state) {
    dense_seconds += seconds(dense);
    const double elapsed = seconds(sparse);
    sparse_seconds += elapsed;
    state.SetIterationTime(elapsed);
    benchmark::ClobberMemory();
  }
  using benchmark::Counter;
  const double nnz_flop = 2.0 * static_cast<double>(problem.builder.nnz()) * static_cast<double>(problem.samples);
  const double dense_flop = 2.0 * static_cast<double>(problem.dense.size()) * static_cast<double>(problem.samples);
  state.counters["FLOP/s"] = Counter(nnz_flop, Counter::kIsIterationInvariantRate);
  state.counters["dense-eq.FLOP/s"] = Counter(dense_flop, Counter::kIsIterationInvariantRate);
  state.counters["OpenBLAS.FLOP/s"] = dense_flop * static_cast<double>(state.iterations()) / dense_seconds;
  state.counters["speedup"] = dense_seconds / sparse_seconds;
}

// Arguments: outputs M, inputs K, samples N, sparsity in percent.
Problem make_problem(const benchmark::State& state, bool transposed) {
  return {state.range(transposed ? 1 : 0), state.range(transposed ? 0 : 1), state.range(2),
          static_cast<double>(state.range(3)) / 100.0};
}

void forward(benchmark::State& state) {
  Problem problem = make_problem(state, false);
  compare(
      state, problem, [&] { problem.sparse_forward(); }, [&] { problem.dense_forward(); });
}

void input_grad(benchmark::State& state) {
  Problem problem = make_problem(state, true);
  compare(
      state, problem, [&] { problem.sparse_forward(); }, [&] { problem.dense_input_grad(); });
}

void weight_grad(benchmark::State& state) {
  Problem problem = make_problem(state, false);
  compare(
      state, problem, [&] { problem.sparse_weight_grad(); }, [&] { problem.dense_weight_grad(); });
}

void arguments(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"M", "K", "N", "sparsity"})->UseManualTime()->MinTime(0.02);
  for (const int64_t sparsity : {50, 80, 90, 95, 99}) {
    bench->Args({1024, 1024, 256, sparsity})->Args({1024, 784, 128, sparsity});
  }
  bench->Args({1024, 1024, 8, 90});
}

BENCHMARK(forward)->Apply(arguments);
BENCHMARK(input_grad)->Apply(arguments);
BENCHMARK(weight_grad)->Apply(arguments);

}  // namespace
}  // namespace gossamer::kernels

int main(int argc, char** argv) {
  openblas_set_num_threads(1);
  benchmark::AddCustomContext("simd_target", gossamer::kernels::simd_target());
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
