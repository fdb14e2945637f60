// Scalar specification of kernels/dense.h for T = float or double.
#pragma once

#include <cstdint>

namespace gossamer::kernels::reference {

template <typename T>
void dense_forward_few(int64_t rows, int64_t cols, const T* w, int64_t samples, const T* x, const T* bias, T* y,
                       int64_t ld) noexcept {
  for (int64_t n = 0; n < samples; ++n) {
    for (int64_t row = 0; row < rows; ++row) {
      T sum = bias == nullptr ? T(0) : bias[row];
      for (int64_t k = 0; k < cols; ++k) sum += w[row * cols + k] * x[n * cols + k];
      y[n * ld + row] = sum;
    }
  }
}

}  // namespace gossamer::kernels::reference
