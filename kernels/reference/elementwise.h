// Scalar specification of the elementwise kernels for T = float or double. See kernels/elementwise.h for the contracts.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/elementwise.h"

namespace gossamer::kernels::reference {

template <typename T>
T sigmoid(T x) {
  return T(1) / (T(1) + std::exp(-x));
}

template <typename T>
T silu_slope(T x) {
  const T s = sigmoid(x);
  return s * (T(1) + x * (T(1) - s));
}

// In double for float too: erfc multiplies the rounding of its argument.
template <typename T>
T gelu(T x) {
  return static_cast<T>(x * (0.5 * std::erfc(x * -0.70710678118654752440)));
}
template <typename T>
T gelu_slope(T x) {
  const double y = x;
  const double bell = 0.39894228040143267794 * std::exp(y * y * -0.5);
  return static_cast<T>(0.5 * std::erfc(y * -0.70710678118654752440) + y * bell);
}

template <typename T>
T gelu_tanh_argument(T x) {
  return T(1.5957691216057307118) * (x + T(0.044715) * (x * x) * x);
}
template <typename T>
T gelu_tanh_slope(T x) {
  const T s = sigmoid(gelu_tanh_argument(x));
  return s * (T(1) + x * (T(1) - s) * (T(1.5957691216057307118) * (T(1) + T(0.134145) * (x * x))));
}

template <typename T>
T erf_slope(T x) {
  const double y = x;
  return static_cast<T>(1.12837916709551257390 * std::exp(-y * y));
}

// x / 6 + 1/2 between 0 and 1; NaN stays NaN.
template <typename T>
T hard_gate(T x) {
  const T y = x + T(3);
  return (y < T(0) ? T(0) : y > T(6) ? T(6) : y) / T(6);
}

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
