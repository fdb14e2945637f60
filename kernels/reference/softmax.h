// Scalar specification of kernels/softmax.h for T = float or double.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/reference/reduce.h"

namespace gossamer::kernels::reference {

template <typename T>
void softmax(int64_t n, const T* x, T* y) noexcept {
  const T factor = static_cast<T>(1 / exp_minus(n, x, static_cast<double>(largest(n, x)), y));
  for (int64_t i = 0; i < n; ++i) y[i] *= factor;
}

template <typename T>
void softmax_grad(int64_t n, const T* y, const T* dy, T* dx) noexcept {
  const T product = static_cast<T>(dot(n, dy, y));
  for (int64_t i = 0; i < n; ++i) dx[i] = y[i] * (dy[i] - product);
}

template <typename T>
void log_softmax(int64_t n, const T* x, T* y) noexcept {
  const T top = largest(n, x);
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += std::exp(x[i] - top);
  const T log_sum = static_cast<T>(std::log(sum));
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] - top - log_sum;
}

template <typename T>
void log_softmax_grad(int64_t n, const T* y, const T* dy, T* dx) noexcept {
  const T total = static_cast<T>(sum(n, dy));
  for (int64_t i = 0; i < n; ++i) dx[i] = dy[i] - std::exp(y[i]) * total;
}

}  // namespace gossamer::kernels::reference
