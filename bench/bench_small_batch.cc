// Batches of 1 to 8 samples on one thread, packing included, against OpenBLAS on one thread. One iteration times the
// sparse product, the same for one sample, and the dense product in turn, so that the ratios compare the same moments
// of the machine. The dense weight of a large layer throws the sparse one out of the caches in between, as the layers
// of a model do.
#include <benchmark/benchmark.h>
#include <cblas.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "hwy/aligned_allocator.h"
#include "kernels/csr.h"
#include "kernels/layout.h"
#include "tests/kernels/stream_builder.h"

namespace gossamer::kernels {
namespace {

using testing::random_stream;
using testing::StreamBuilder;

// The products of W [rows, cols] with up to eight samples, as the library computes them.
struct Problem {
  Problem(int64_t rows, int64_t cols, double sparsity)
      : layout(choose_layout(rows, cols, static_cast<int64_t>((1.0 - sparsity) * static_cast<double>(rows * cols)))),
        builder(random_stream(rows, cols, layout.block_rows, layout.panel_cols, 1.0 - sparsity, 1)),
        w(builder.stream()),
        values(static_cast<size_t>(builder.nnz()), 0.5F),
        grad(static_cast<size_t>(builder.nnz())),
        x(static_cast<size_t>(kWidth * cols), 0.5F),
        y(static_cast<size_t>(kWidth * rows), 0.25F),
        dense(static_cast<size_t>(rows * cols), 0.5F),
        x_tile(hwy::AllocateAligned<float>(static_cast<size_t>(cols * kWidth))),
        y_tile(hwy::AllocateAligned<float>(static_cast<size_t>(layout.block_rows * kVectorSums))) {}

  static constexpr int kWidth = kTileWidths[0];

  int64_t block_rows(int64_t block) const { return std::min(w.block_rows, w.rows - block * w.block_rows); }

  void forward(int samples) {
    if (samples > 1) pack_tile(x.data(), w.cols, samples, w.cols, kWidth, x_tile.get());
    for (int64_t block = 0; block < w.blocks(); ++block) {
      float* out = y.data() + block * w.block_rows;
      if (samples == 1) {
        csr_forward_vector(w, values.data(), block, x.data(), nullptr, y_tile.get(), out);
      } else {
        csr_forward_tile(w, values.data(), block, x_tile.get(), kWidth, nullptr, y_tile.get());
        unpack_tile(y_tile.get(), kWidth, samples, block_rows(block), out, w.rows);
      }
    }
  }

  void weight_grad(int samples) {
    if (samples > 1) pack_tile(x.data(), w.cols, samples, w.cols, kWidth, x_tile.get());
    for (int64_t block = 0; block < w.blocks(); ++block) {
      const float* dy = y.data() + block * w.block_rows;
      if (samples == 1) {
        csr_weight_grad_vector(w, block, 0, w.panels(), dy, x.data(), grad.data());
      } else {
        pack_tile(dy, w.rows, samples, block_rows(block), kWidth, y_tile.get());
        csr_weight_grad_tile(w, block, 0, w.panels(), y_tile.get(), x_tile.get(), kWidth, false, grad.data());
      }
    }
  }

  void dense_forward(int samples) {
    const auto m = static_cast<blasint>(w.rows), k = static_cast<blasint>(w.cols);
    if (samples == 1) {
      cblas_sgemv(CblasRowMajor, CblasNoTrans, m, k, 1, dense.data(), k, x.data(), 1, 0, y.data(), 1);
    } else {
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, samples, m, k, 1, x.data(), k, dense.data(), k, 0, y.data(),
                  m);
    }
  }

  void dense_weight_grad(int samples) {
    const auto m = static_cast<blasint>(w.rows), k = static_cast<blasint>(w.cols);
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, m, k, samples, 1, y.data(), m, x.data(), k, 0, dense.data(),
                k);
  }

  StreamLayout layout;
  StreamBuilder builder;
  CsrStream w;
  std::vector<float> values, grad, x, y, dense;
  hwy::AlignedFreeUniquePtr<float[]> x_tile, y_tile;
};

template <class Body>
double seconds(const Body& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> times) {
  const auto middle = times.begin() + static_cast<int64_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

// Arguments: outputs M, inputs K, samples N, sparsity in percent.
template <class Sparse, class Dense>
void compare(benchmark::State& state, const Sparse& sparse, const Dense& dense) {
  Problem problem(state.range(0), state.range(1), static_cast<double>(state.range(3)) / 100.0);
  const auto samples = static_cast<int>(state.range(2));
  std::vector<double> times, one_times, dense_times;
  for (auto _ : state) {
    dense_times.push_back(seconds([&] { dense(problem, samples); }));
    times.push_back(seconds([&] { sparse(problem, samples); }));
    if (samples > 1) {
      seconds([&] { dense(problem, samples); });
      one_times.push_back(seconds([&] { sparse(problem, 1); }));
    }
    state.SetIterationTime(times.back());
    benchmark::ClobberMemory();
  }
  const double sparse_time = median(times), dense_time = median(dense_times);
  const auto nnz = static_cast<double>(problem.builder.nnz());
  const double bytes =
      6 * nnz + 4 * static_cast<double>(problem.w.segment_begin[problem.w.blocks() * problem.w.panels()]);
  state.counters["ns/nnz"] = sparse_time * 1e9 / nnz;
  state.counters["GB/s"] = bytes / sparse_time / 1e9;
  state.counters["OpenBLAS.GB/s"] = 4 * static_cast<double>(problem.dense.size()) / dense_time / 1e9;
  state.counters["speedup"] = dense_time / sparse_time;
  if (samples > 1) state.counters["times_one_sample"] = sparse_time / median(one_times);
}

void forward(benchmark::State& state) {
  compare(
      state, [](Problem& p, int samples) { p.forward(samples); },
      [](Problem& p, int samples) { p.dense_forward(samples); });
}

void weight_grad(benchmark::State& state) {
  compare(
      state, [](Problem& p, int samples) { p.weight_grad(samples); },
      [](Problem& p, int samples) { p.dense_weight_grad(samples); });
}

void arguments(benchmark::internal::Benchmark* bench, const std::vector<int64_t>& samples) {
  bench->ArgNames({"M", "K", "N", "sparsity"})->UseManualTime()->Iterations(15)->Unit(benchmark::kMicrosecond);
  for (const int64_t sparsity : {80, 90, 95, 99}) {
    for (const int64_t n : samples) {
      bench->Args({1024, 1024, n, sparsity})->Args({4096, 4096, n, sparsity})->Args({11008, 4096, n, sparsity});
    }
  }
}

void forward_arguments(benchmark::internal::Benchmark* bench) { arguments(bench, {1, 2, 4, 8}); }
void weight_grad_arguments(benchmark::internal::Benchmark* bench) { arguments(bench, {1, 8}); }

BENCHMARK(forward)->Apply(forward_arguments);
BENCHMARK(weight_grad)->Apply(weight_grad_arguments);

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
