// Where the positions of a band go.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/copy_rows.h"
#include "ops/conv/shifts.h"

namespace gossamer {

// The result of a sum of shifted rows: row i and column j of channel c of image k lie at data[k * image + c * channel +
// i * row + j * col].
template <class T>
struct ConvTarget {
  T* data;
  int64_t image;
  int64_t channel;
  int64_t row;
  int64_t col;
};

// Calls f(first element in a channel of `to`, position - p, count) for the runs of positions [p, p + n) that belong to
// `images` images of a band that begins at row `first`; those behind rows and images belong to none.
template <class T, class F>
void for_each_run(const Shifts& shifts, int64_t first, int64_t images, int64_t p, int64_t n, const ConvTarget<T>& to,
                  const F& f) {
  for (int64_t at = p; at < p + n;) {
    const int64_t row = at / shifts.pitch();
    const int64_t image = (at - row * shifts.pitch()) / shifts.image_pitch();
    const int64_t start = row * shifts.pitch() + image * shifts.image_pitch();
    const int64_t next = std::min(p + n, start + shifts.image_pitch());
    const int64_t count = std::min(next, start + shifts.x().size) - at;
    if (count > 0 && image < images) {
      f(to.data + image * to.image + (first + row) * to.row + (at - start) * to.col, at - p, count);
    }
    at = next;
  }
}

// to[r * to_stride + i * col] = from[r * from_stride + i] for r in [0, rows) and i in [0, n).
template <class T>
void store_rows(int64_t rows, int64_t n, const T* from, int64_t from_stride, int64_t col, T* to, int64_t to_stride) {
  if (col == 1) return kernels::copy_rows<T>(rows, n, from, from_stride, to, to_stride);
  if (col == 2) return kernels::scatter_every_second<T>(rows, n, from, from_stride, to, to_stride);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < n; ++i) to[r * to_stride + i * col] = from[r * from_stride + i];
  }
}

// Stores positions [p, p + n) of `channels` channels, `stride` apart.
template <class T>
void store_positions(const Shifts& shifts, int64_t first, int64_t images, int64_t p, int64_t n, int64_t channels,
                     const T* from, int64_t stride, const ConvTarget<T>& to) {
  for_each_run(shifts, first, images, p, n, to, [&](T* target, int64_t at, int64_t count) {
    store_rows(channels, count, from + at, stride, to.col, target, to.channel);
  });
}

// The gradient of x: calls f(axis y, axis x, target of the first channel) for each residue of the strides.
template <class T, class F>
void for_each_residue(const ConvSize& size, T* dx, const F& f) {
  for (int64_t y = 0; y < std::min(size.y.stride, size.y.in); ++y) {
    for (int64_t x = 0; x < std::min(size.x.stride, size.x.in); ++x) {
      f(ShiftAxis::input_grad(size.y, y), ShiftAxis::input_grad(size.x, x),
        ConvTarget<T>{dx + y * size.x.in + x, size.groups * size.in * size.in_area(), size.in_area(),
                      size.y.stride * size.x.in, size.x.stride});
    }
  }
}

}  // namespace gossamer
