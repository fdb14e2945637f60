// The three products of a dense weight [out, in] over n rows: what OpenBLAS does for the layers.
#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/blas.h"
#include "runtime/parallel.h"

namespace gossamer {

struct DenseSize {
  int64_t n;
  int64_t in;
  int64_t out;
};

// y[n, out] = x[n, in] Wᵀ + bias (null: none).
template <class T>
void dense_forward(const DenseSize& s, const T* x, const T* w, const T* bias, T* y) {
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
