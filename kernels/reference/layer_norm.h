// Scalar specification of kernels/layer_norm.h for T = float or double, with sums in double.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/layer_norm.h"

namespace gossamer::kernels::reference {

template <typename T>
void layer_norm(const NormLines& shape, const T* x, const T* weight, const T* bias, double* mean, double* rstd,
                T* y) noexcept {
  const auto n = static_cast<double>(shape.n);
  for (int64_t line = 0; line < shape.lines; ++line, x += shape.n, y += shape.n) {
    double sum = 0;
    for (int64_t i = 0; i < shape.n; ++i) sum += static_cast<double>(x[i]);
    const double center = shape.is_centered ? sum / n : 0;
    double squares = 0;
    for (int64_t i = 0; i < shape.n; ++i) squares += (x[i] - center) * (x[i] - center);
    mean[line] = center;
    rstd[line] = 1 / std::sqrt(squares / n + shape.eps);
    for (int64_t i = 0; i < shape.n; ++i) y[i] = static_cast<T>((x[i] - center) * rstd[line] * weight[i] + bias[i]);
  }
}

template <typename T>
void layer_norm_grad(const NormLines& shape, const T* x, const T* dy, const T* weight, const double* mean,
                     const double* rstd, T* dx, T* dweight, T* dbias) noexcept {
  const auto n = static_cast<double>(shape.n);
  for (int64_t line = 0; line < shape.lines; ++line, x += shape.n, dy += shape.n, dx += shape.n) {
    const auto normalized = [&](int64_t i) { return (x[i] - mean[line]) * rstd[line]; };
    double sum = 0;
    double dot = 0;
    for (int64_t i = 0; i < shape.n; ++i) {
      const double g = static_cast<double>(dy[i]) * static_cast<double>(weight[i]);
      sum += g;
      dot += g * normalized(i);
      dweight[i] += static_cast<T>(dy[i] * normalized(i));
      dbias[i] += dy[i];
    }
    if (!shape.is_centered) sum = 0;
    for (int64_t i = 0; i < shape.n; ++i) {
      const double g = static_cast<double>(dy[i]) * static_cast<double>(weight[i]);
      dx[i] = static_cast<T>(rstd[line] * (g - sum / n - normalized(i) * (dot / n)));
    }
  }
}

}  // namespace gossamer::kernels::reference
