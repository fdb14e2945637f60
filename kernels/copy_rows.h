// Rows of float or double copied to another place, whole or with a step of 2 on one side. One thread, raw pointers,
// noexcept, no allocation, no alignment required.
#pragma once

#include <cstdint>

namespace gossamer::kernels {

// to[r * to_stride + i] = from[r * from_stride + i] for r in [0, rows) and i in [0, n): for rows of some vectors, where
// a call of memcpy for each costs as much as its bytes.
template <class T>
void copy_rows(int64_t rows, int64_t n, const T* from, int64_t from_stride, T* to, int64_t to_stride) noexcept;

// The same for rows of which one has every second element: to[r * to_stride + i] = from[r * from_stride + 2 i].
template <class T>
void gather_every_second(int64_t rows, int64_t n, const T* from, int64_t from_stride, T* to,
                         int64_t to_stride) noexcept;
// to[r * to_stride + 2 i] = from[r * from_stride + i]. What lies between is read and written back.
template <class T>
void scatter_every_second(int64_t rows, int64_t n, const T* from, int64_t from_stride, T* to,
                          int64_t to_stride) noexcept;

}  // namespace gossamer::kernels
