// Scalar specification of kernels/reduce.h for T = float or double.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace gossamer::kernels::reference {

template <typename T>
double sum_of_squares(int64_t n, const T* x) noexcept {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

template <typename T>
bool all_finite(int64_t n, const T* x) noexcept {
  for (int64_t i = 0; i < n; ++i) {
    if (!std::isfinite(x[i])) return false;
  }
  return true;
}

template <typename T>
double sum(int64_t n, const T* x) noexcept {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]);
  return sum;
}

template <typename T>
double dot(int64_t n, const T* x, const T* y) noexcept {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(y[i]);
  return sum;
}

template <typename T>
T largest(int64_t n, const T* x) noexcept {
  T top = x[0];
  for (int64_t i = 1; i < n; ++i) top = x[i] > top ? x[i] : top;
  return top;
}

template <typename T>
double exp_minus(int64_t n, const T* x, double shift, T* y) noexcept {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += y[i] = std::exp(static_cast<T>(x[i] - shift));
  return sum;
}

}  // namespace gossamer::kernels::reference
