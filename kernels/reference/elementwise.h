// Scalar specification of the elementwise kernels for T = float or double. See kernels/elementwise.h for the contracts.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/elementwise.h"

namespace gossamer::kernels::reference {

template <typename T>
void map(Unary op, int64_t n, const T* from, T* y) noexcept {
  for (int64_t i = 0; i < n; ++i) {
    const T x = from[i];
    switch (op) {
#define GOSSAMER_CASE(NAME, ULP, REFERENCE, SIMD) \
  case Unary::NAME:                               \
    y[i] = REFERENCE;                             \
    break;
      GOSSAMER_UNARY_KERNELS(GOSSAMER_CASE)
#undef GOSSAMER_CASE
    }
  }
}

template <typename T>
void zip(Binary op, int64_t n, Operand<T> left, Operand<T> right, T* y) noexcept {
  for (int64_t i = 0; i < n; ++i) {
    const T a = left.data[i * left.stride];
    const T b = right.data[i * right.stride];
    switch (op) {
#define GOSSAMER_CASE(NAME, ULP, REFERENCE, SIMD) \
  case Binary::NAME:                              \
    y[i] = REFERENCE;                             \
    break;
      GOSSAMER_BINARY_KERNELS(GOSSAMER_CASE)
#undef GOSSAMER_CASE
    }
  }
}

}  // namespace gossamer::kernels::reference
