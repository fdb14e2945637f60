// Dense products: OpenBLAS single-threaded on fixed tiles of C. The only file that includes cblas.
#include "runtime/blas.h"

#include <cblas.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <mutex>

#include "gossamer/error.h"
#include "gossamer/runtime.h"
#include "runtime/check.h"
#include "runtime/fork.h"
#include "runtime/log.h"
#include "runtime/openblas_callers.h"
#include "runtime/parallel.h"

// Newer versions of OpenBLAS have it; in Debian 12's 0.3.21 it is null.
extern "C" __attribute__((weak)) int openblas_set_num_threads_local(int num_threads);

namespace gossamer {
namespace {

struct BlasState {
  rt::ForkMutex mutex;
  Blas option = Blas::SingleThread;  // constant once in_use
  std::atomic<bool> in_use = false;
};

constinit BlasState g_blas;

// Called before every product: fixes the option at the first one, and sets OpenBLAS to one thread where asked. Throws
// StateError, and changes nothing, where OpenBLAS has no memory.
Blas start_product() {
  BlasState& state = g_blas;
  bool first = false;
  int chosen = 1;  // threads that the application chose, by call or environment
  if (!state.in_use.load(std::memory_order_acquire)) {
    const std::scoped_lock lock(state.mutex);
    first = !state.in_use.load(std::memory_order_relaxed);
    if (first) rt::reserve_openblas_buffers();
    if (first && state.option == Blas::SingleThread && !openblas_set_num_threads_local) {
      chosen = openblas_get_num_threads() == openblas_get_num_procs() ? 1 : openblas_get_num_threads();
      openblas_set_num_threads(1);
    }
    state.in_use.store(true, std::memory_order_release);
  }
  if (state.option == Blas::Leave) return Blas::Leave;
  if (openblas_set_num_threads_local) {
    thread_local const int previous = openblas_set_num_threads_local(1);
    static_cast<void>(previous);
  }
  if (chosen > 1) {
    rt::warn(
        "OpenBLAS had {} threads and is set to one thread in the whole process, because gossamer splits products "
        "itself; "
        "runtime({{.blas = Blas::Leave}}) leaves it alone",
        chosen);
  } else if (first) {
    rt::log(LogLevel::Info,
            openblas_set_num_threads_local
                ? "OpenBLAS is set to one thread in the threads that run gossamer's products; "
                  "runtime({.blas = Blas::Leave}) leaves it alone"
                : "OpenBLAS is set to one thread in the whole process, because gossamer splits products itself; "
                  "runtime({.blas = Blas::Leave}) leaves it alone");
  }
  return Blas::SingleThread;
}

}  // namespace

void runtime(const RuntimeOptions& options) {
  BlasState& state = g_blas;
  const std::scoped_lock lock(state.mutex);
  if (state.in_use.load(std::memory_order_relaxed) && options.blas != state.option) {
    fail<StateError>("runtime", "blas must be set before the first dense product", "a product has already run",
                     "call runtime() at the start of the program");
  }
  state.option = options.blas;
}

namespace rt {
namespace {

// One tile of C, in half-open ranges of rows and columns.
struct Tile {
  int64_t row_begin, row_end, col_begin, col_end;
};

// Cuts [0, size) into parts whose borders are multiples of 16 (a micro-kernel's width); part i is [cut(i), cut(i + 1)).
int64_t cut(int64_t size, int64_t parts, int64_t i) {
  constexpr int64_t kUnit = 16;
  return i == parts ? size : (size + kUnit - 1) / kUnit * i / parts * kUnit;
}

// C is cut along one side only, because every tile packs the operand of its uncut side anew, and into an even number of
// tiles for two, four and eight threads. Our time in that of OpenBLAS 0.3.21 on one core (Intel, AVX-512), medians of
// bench/bench_gemm.cc over layers of 784 to 4096 at 128 and 512 samples, for tiles near this side:
//   side   AVX-512 kernels: geometric mean, worst   Haswell (AVX2)
//    320             1.08   1.14                     1.03   1.06
//    512             1.04   1.09 (n = 4096)          1.01   1.04
//   1024             1.04   1.07 (n = 4096)
// Larger tiles gain no more, and would leave threads without one.
struct Split {
  bool along_rows;
  int64_t parts;
};

Split choose_split(const GemmShape& s) {
  constexpr int64_t kSide = 512;
  constexpr double kMinFlops = 2e6;  // some 20 microseconds: below, one call is as fast
  const bool along_rows = s.m >= 768 || s.m > s.n;
  const int64_t size = along_rows ? s.m : s.n;
  const double flops = 2.0 * static_cast<double>(s.m) * static_cast<double>(s.n) * static_cast<double>(s.k);
  if (flops < kMinFlops || size < 32) return {along_rows, 1};
  return {along_rows, std::max<int64_t>(2, (size + kSide) / (2 * kSide) * 2)};
}

void call(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, blasint m, blasint n, blasint k, ConstMatrix<float> a,
          ConstMatrix<float> b, float beta, Matrix<float> c) {
  cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1.0F, a.data, static_cast<blasint>(a.ld), b.data,
              static_cast<blasint>(b.ld), beta, c.data, static_cast<blasint>(c.ld));
}

void call(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, blasint m, blasint n, blasint k, ConstMatrix<double> a,
          ConstMatrix<double> b, double beta, Matrix<double> c) {
  cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1.0, a.data, static_cast<blasint>(a.ld), b.data,
              static_cast<blasint>(b.ld), beta, c.data, static_cast<blasint>(c.ld));
}

// y = op(B)ᵀ x + y, B as stored [rows, cols].
void call_row(CBLAS_TRANSPOSE t, blasint rows, blasint cols, ConstMatrix<float> b, const float* x, blasint x_stride,
              float* y) {
  cblas_sgemv(CblasRowMajor, t, rows, cols, 1.0F, b.data, static_cast<blasint>(b.ld), x, x_stride, 1.0F, y, 1);
}

void call_row(CBLAS_TRANSPOSE t, blasint rows, blasint cols, ConstMatrix<double> b, const double* x, blasint x_stride,
              double* y) {
  cblas_dgemv(CblasRowMajor, t, rows, cols, 1.0, b.data, static_cast<blasint>(b.ld), x, x_stride, 1.0, y, 1);
}

// One row of C, c[n] = a[k] op(B) + beta c: OpenBLAS's product with a vector reads B as it is stored, where its gemm
// would first pack all of it, which takes 2.8 times as long for a weight beyond the caches.
template <class T>
void multiply_row(bool trans_b, int64_t n, int64_t k, const T* a, int64_t a_stride, ConstMatrix<T> b, T beta, T* c) {
  // OpenBLAS may multiply what c holds by beta.
  if (beta == T(0)) {
    std::fill_n(c, n, T(0));
  } else if (beta != T(1)) {
    for (int64_t j = 0; j < n; ++j) c[j] *= beta;
  }
  call_row(trans_b ? CblasNoTrans : CblasTrans, static_cast<blasint>(trans_b ? n : k),
           static_cast<blasint>(trans_b ? k : n), b, a, static_cast<blasint>(a_stride), c);
}

template <class T>
void multiply_tile(const GemmShape& s, const Tile& t, ConstMatrix<T> a, ConstMatrix<T> b, T beta, Matrix<T> c) {
  const bool ta = s.trans_a == Trans::Yes;
  const bool tb = s.trans_b == Trans::Yes;
  const OpenBlasCaller caller;
  if (t.row_end - t.row_begin == 1) {
    return multiply_row<T>(tb, t.col_end - t.col_begin, s.k, a.data + (ta ? t.row_begin : t.row_begin * a.ld),
                           ta ? a.ld : 1, {b.data + (tb ? t.col_begin * b.ld : t.col_begin), b.ld}, beta,
                           c.data + t.row_begin * c.ld + t.col_begin);
  }
  call(ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, static_cast<blasint>(t.row_end - t.row_begin),
       static_cast<blasint>(t.col_end - t.col_begin), static_cast<blasint>(s.k),
       {a.data + (ta ? t.row_begin : t.row_begin * a.ld), a.ld},
       {b.data + (tb ? t.col_begin * b.ld : t.col_begin), b.ld}, beta,
       {c.data + t.row_begin * c.ld + t.col_begin, c.ld});
}

// C = beta C, where beta = 0 overwrites.
template <class T>
void scale(const GemmShape& s, T beta, Matrix<T> c) {
  parallel_for(s.m, [&](int64_t i) {
    T* const row = c.data + i * c.ld;
    for (int64_t j = 0; j < s.n; ++j) row[j] = beta == T{0} ? T{0} : beta * row[j];
  });
}

template <class T>
void check_sizes(const GemmShape& s, ConstMatrix<T> a, ConstMatrix<T> b, Matrix<T> c) {
  const auto [low, high] = std::minmax({s.m, s.n, s.k, a.ld, b.ld, c.ld});
  if (low < 0 || high > std::numeric_limits<blasint>::max()) {
    fail<ShapeError>("gemm", fmt::format("sizes and strides must lie in [0, {}]", std::numeric_limits<blasint>::max()),
                     fmt::format("got m={} n={} k={}, strides {} {} {}", s.m, s.n, s.k, a.ld, b.ld, c.ld),
                     "split the product");
  }
}

}  // namespace

template <class T>
void gemm(const GemmShape& shape, ConstMatrix<T> a, ConstMatrix<T> b, T beta, Matrix<T> c) {
  check_sizes(shape, a, b, c);
  if (shape.m == 0 || shape.n == 0) return;
  if (shape.k == 0) return scale(shape, beta, c);
  if (start_product() == Blas::Leave) return multiply_tile(shape, {0, shape.m, 0, shape.n}, a, b, beta, c);

  const Split split = choose_split(shape);
  parallel_for(split.parts, [&](int64_t part) {
    Tile tile{0, shape.m, 0, shape.n};
    if (split.along_rows) {
      tile.row_begin = cut(shape.m, split.parts, part);
      tile.row_end = cut(shape.m, split.parts, part + 1);
    } else {
      tile.col_begin = cut(shape.n, split.parts, part);
      tile.col_end = cut(shape.n, split.parts, part + 1);
    }
    multiply_tile(shape, tile, a, b, beta, c);
  });
}

template <class T>
void gemm_here(const GemmShape& shape, ConstMatrix<T> a, ConstMatrix<T> b, T beta, Matrix<T> c) {
  check_sizes(shape, a, b, c);
  start_product();
  multiply_tile(shape, {0, shape.m, 0, shape.n}, a, b, beta, c);
}

template void gemm(const GemmShape&, ConstMatrix<float>, ConstMatrix<float>, float, Matrix<float>);
template void gemm(const GemmShape&, ConstMatrix<double>, ConstMatrix<double>, double, Matrix<double>);
template void gemm_here(const GemmShape&, ConstMatrix<float>, ConstMatrix<float>, float, Matrix<float>);
template void gemm_here(const GemmShape&, ConstMatrix<double>, ConstMatrix<double>, double, Matrix<double>);

}  // namespace rt
}  // namespace gossamer
