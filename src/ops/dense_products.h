// The three products of a dense weight [out, in] over n rows: what OpenBLAS does for the layers, and a kernel for few
// rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/dense.h"
#include "runtime/blas.h"
#include "runtime/parallel.h"

namespace gossamer {

struct DenseSize {
  int64_t n;
  int64_t in;
  int64_t out;
};

inline constexpr int64_t kFewSamples = 16;

// Whether forward of f32 runs the kernel for few samples: x stays in L2, and a row of W fills a vector. Of OpenBLAS's
// time, which packs W, it takes 0.8 to 0.95 with one sample, a quarter to a half with 2 to 8, 0.4 to 0.65 with 16 (0.9
// where x is 700 KiB) and 0.45 to 1.25 with 32 (Zen 5, AVX2 and AVX-512 on both sides, weights of 1 to 64 MiB).
constexpr bool has_few_samples(const DenseSize& s) { return s.n <= kFewSamples && s.in >= 16 && s.n * s.in <= 1 << 18; }

// y[n, out] = x[n, in] Wᵀ + bias (null: none).
template <class T>
void dense_forward(const DenseSize& s, const T* x, const T* w, const T* bias, T* y) {
  if constexpr (std::is_same_v<T, float>) {
    if (has_few_samples(s)) {
      // Half a megabyte of weights, some 15 microseconds, in whole steps of the kernel.
      constexpr int64_t kWeights = 1 << 17;
      constexpr int64_t kRows = 4;
      // More than a core's own cache holds.
      const bool in_memory = s.in * s.out > 1 << 18;
      const int64_t grain = std::max<int64_t>(1, kWeights / s.in / kRows) * kRows;
      return rt::parallel_chunks(s.out, grain, [&](int64_t begin, int64_t end) {
        kernels::dense_forward_few(end - begin, s.in, w + begin * s.in, in_memory, s.n, x,
                                   bias == nullptr ? nullptr : bias + begin, y + begin, s.out);
      });
    }
  }
  if (bias != nullptr) {
    // Every row becomes the bias and the product adds to it, which saves a pass over y.
    const int64_t grain = rt::grain_of(s.out);
    rt::parallel_chunks(s.n, grain, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) std::copy_n(bias, s.out, y + row * s.out);
    });
  }
  rt::gemm<T>({.m = s.n, .n = s.out, .k = s.in, .trans_b = rt::Trans::Yes}, {x, s.in}, {w, s.in},
              bias != nullptr ? T(1) : T(0), {y, s.out});
}

// dx[n, in] = dy[n, out] W
template <class T>
void dense_input_grad(const DenseSize& s, const T* dy, const T* w, T* dx) {
  rt::gemm<T>({.m = s.n, .n = s.in, .k = s.out}, {dy, s.out}, {w, s.in}, T(0), {dx, s.in});
}

// dw[out, in] = dyᵀ x
template <class T>
void dense_weight_grad(const DenseSize& s, const T* dy, const T* x, T* dw) {
  rt::gemm<T>({.m = s.out, .n = s.in, .k = s.n, .trans_a = rt::Trans::Yes}, {dy, s.out}, {x, s.in}, T(0), {dw, s.in});
}

}  // namespace gossamer
