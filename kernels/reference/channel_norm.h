// Scalar specification of kernels/channel_norm.h for T = float or double.
#pragma once

#include <cstdint>

#include "kernels/channel_norm.h"

namespace gossamer::kernels::reference {

template <typename T>
void plane_moments(const Planes& planes, const T* x, double* mean, double* squares) noexcept {
  for (int64_t k = 0; k < planes.count; ++k, x += planes.stride) {
    double sum = 0;
    for (int64_t i = 0; i < planes.length; ++i) sum += static_cast<double>(x[i]);
    mean[k] = sum / static_cast<double>(planes.length);
    squares[k] = 0;
    for (int64_t i = 0; i < planes.length; ++i) squares[k] += (x[i] - mean[k]) * (x[i] - mean[k]);
  }
}

template <typename T>
void plane_affine(const Planes& planes, const T* x, const T* center, const T* scale, const T* shift, T* y) noexcept {
  for (int64_t k = 0; k < planes.count; ++k, x += planes.stride, y += planes.stride) {
    for (int64_t i = 0; i < planes.length; ++i) y[i] = (x[i] - center[k]) * scale[k] + shift[k];
  }
}

template <typename T>
void plane_dots(const Planes& planes, const T* dy, const T* x, const T* center, double* sum, double* dot) noexcept {
  for (int64_t k = 0; k < planes.count; ++k, x += planes.stride, dy += planes.stride) {
    sum[k] = dot[k] = 0;
    for (int64_t i = 0; i < planes.length; ++i) {
      sum[k] += static_cast<double>(dy[i]);
      dot[k] += static_cast<double>(dy[i]) * (static_cast<double>(x[i]) - static_cast<double>(center[k]));
    }
  }
}

template <typename T>
void plane_grad(const Planes& planes, const T* dy, const T* x, const T* center, const T* scale, const T* slope,
                const T* shift, T* dx) noexcept {
  for (int64_t k = 0; k < planes.count; ++k, x += planes.stride, dy += planes.stride, dx += planes.stride) {
    for (int64_t i = 0; i < planes.length; ++i) dx[i] = dy[i] * scale[k] + ((x[i] - center[k]) * slope[k] + shift[k]);
  }
}

template <typename T>
void column_moments(const Columns& columns, const T* x, const T* center, T* sum, T* squares) noexcept {
  for (int64_t row = 0; row < columns.rows; ++row, x += columns.cols) {
    for (int64_t k = 0; k < columns.cols; ++k) {
      sum[k] += x[k] - center[k];
      squares[k] += (x[k] - center[k]) * (x[k] - center[k]);
    }
  }
}

template <typename T>
void column_affine(const Columns& columns, const T* x, const T* center, const T* scale, const T* shift, T* y) noexcept {
  for (int64_t row = 0; row < columns.rows; ++row, x += columns.cols, y += columns.cols) {
    for (int64_t k = 0; k < columns.cols; ++k) y[k] = (x[k] - center[k]) * scale[k] + shift[k];
  }
}

template <typename T>
void column_dots(const Columns& columns, const T* dy, const T* x, const T* center, T* sum, T* dot) noexcept {
  for (int64_t row = 0; row < columns.rows; ++row, x += columns.cols, dy += columns.cols) {
    for (int64_t k = 0; k < columns.cols; ++k) {
      sum[k] += dy[k];
      dot[k] += dy[k] * (x[k] - center[k]);
    }
  }
}

template <typename T>
void column_grad(const Columns& columns, const T* dy, const T* x, const T* center, const T* scale, const T* slope,
                 const T* shift, T* dx) noexcept {
  const int64_t cols = columns.cols;
  for (int64_t row = 0; row < columns.rows; ++row, x += cols, dy += cols, dx += cols) {
    for (int64_t k = 0; k < cols; ++k) dx[k] = dy[k] * scale[k] + ((x[k] - center[k]) * slope[k] + shift[k]);
  }
}

}  // namespace gossamer::kernels::reference
