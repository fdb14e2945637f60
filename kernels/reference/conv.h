// Scalar specification of the convolution kernels for T = float or double. See kernels/conv.h for the contracts.
#pragma once

#include <cstdint>

#include "kernels/conv.h"

namespace gossamer::kernels::reference {

template <class T>
void conv_tile(const ConvSource<T>& source, const T* w, int rows, const T* bias, bool accumulate, int64_t n, T* y,
               int64_t pitch) noexcept {
  for (int r = 0; r < rows; ++r) {
    for (int64_t p = 0; p < n; ++p) {
      T& sum = y[r * pitch + p];
      if (!accumulate) sum = bias == nullptr ? T(0) : bias[r];
      for (int64_t k = 0; k < source.taps; ++k) sum += w[k * rows + r] * source.data[source.offset[k] + p];
    }
  }
}

template <class T>
void conv_row(const ConvSource<T>& source, const T* w, T bias, int64_t n, T* y) noexcept {
  for (int64_t p = 0; p < n; ++p) {
    y[p] = bias;
    for (int64_t k = 0; k < source.taps; ++k) y[p] += w[k] * source.data[source.offset[k] + p];
  }
}

template <class T>
void conv_weight_grad(const ConvSource<T>& source, const T* dy, int width, const ConvRuns& runs, T* grad) noexcept {
  for (int64_t k = 0; k < source.taps; ++k) {
    for (int64_t row = 0; row < runs.rows; ++row) {
      for (int64_t p = 0; p < runs.n; ++p) {
        const T x = source.data[source.offset[k] + row * runs.pitch + p];
        for (int lane = 0; lane < width; ++lane) grad[k * width + lane] += x * dy[(row * runs.n + p) * width + lane];
      }
    }
  }
}

template <class T>
void conv_row_grad(const ConvSource<T>& source, const T* dy, const ConvRuns& runs, T* grad) noexcept {
  reference::conv_weight_grad(source, dy, 1, runs, grad);
}

template <class T>
void gather_patches(const ConvSource<T>& source, int64_t n, int width, T* tile) noexcept {
  for (int64_t k = 0; k < source.taps; ++k) {
    for (int64_t p = 0; p < width; ++p) tile[k * width + p] = p < n ? source.data[source.offset[k] + p] : T(0);
  }
}

template <class T>
void gather_runs(const ConvSource<T>& source, const ConvRun* runs, int64_t count, int64_t width, int64_t pitch,
                 T* tile) noexcept {
  for (int64_t k = 0; k < source.taps; ++k) {
    int64_t at = 0;
    for (int64_t run = 0; run < count; ++run) {
      for (int64_t i = 0; i < runs[run].n; ++i) {
        tile[k * pitch + at++] = source.data[source.offset[k] + runs[run].from + i];
      }
    }
    while (at < width) tile[k * pitch + at++] = 0;
  }
}

template <class T>
void add_patches(const T* tile, int width, const int64_t* offset, int64_t taps, int64_t n, T* target) noexcept {
  for (int64_t k = 0; k < taps; ++k) {
    for (int64_t p = 0; p < n; ++p) target[offset[k] + p] += tile[k * width + p];
  }
}

}  // namespace gossamer::kernels::reference
