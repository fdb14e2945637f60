// Scalar specification of kernels/extremes.h for T = float or double.
#pragma once

#include <cstdint>

namespace gossamer::kernels::reference {

template <typename T>
T max(int64_t n, const T* x) noexcept {
  T best = x[0];
  for (int64_t i = 1; i < n; ++i) best = x[i] > best || x[i] != x[i] ? x[i] : best;
  return best;
}

template <typename T>
T min(int64_t n, const T* x) noexcept {
  T best = x[0];
  for (int64_t i = 1; i < n; ++i) best = x[i] < best || x[i] != x[i] ? x[i] : best;
  return best;
}

}  // namespace gossamer::kernels::reference
