// Scalar specification of the copies of rows for T = float or double. See kernels/copy_rows.h for the contracts.
#pragma once

#include <cstdint>

namespace gossamer::kernels::reference {

template <class T>
void copy_rows(int64_t rows, int64_t n, const T* from, int64_t from_stride, T* to, int64_t to_stride) noexcept {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < n; ++i) to[r * to_stride + i] = from[r * from_stride + i];
  }
}

template <class T>
void gather_every_second(int64_t rows, int64_t n, const T* from, int64_t from_stride, T* to,
                         int64_t to_stride) noexcept {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < n; ++i) to[r * to_stride + i] = from[r * from_stride + 2 * i];
  }
}

template <class T>
void scatter_every_second(int64_t rows, int64_t n, const T* from, int64_t from_stride, T* to,
                          int64_t to_stride) noexcept {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < n; ++i) to[r * to_stride + 2 * i] = from[r * from_stride + i];
  }
}

}  // namespace gossamer::kernels::reference
