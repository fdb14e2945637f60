// Where the positions of a band go.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ops/conv/shifts.h"

namespace gossamer {

// One channel of the result of a sum of shifted rows: row i and column j lie at data[i * row + j * col].
template <class T>
struct ConvTarget {
  T* data;
  int64_t row;
  int64_t col;
};

// Stores positions [p, p + n) of a band that begins at row `first`; those between the rows of a pitch are dropped.
template <class T>
void store_positions(const Shifts& shifts, int64_t first, int64_t p, int64_t n, const T* from,
                     const ConvTarget<T>& to) {
  for (const int64_t end = p + n; p < end;) {
    const int64_t row = p / shifts.pitch();
    const int64_t col = p % shifts.pitch();
    const int64_t next = std::min(end, (row + 1) * shifts.pitch());
    const int64_t count = std::min(next, row * shifts.pitch() + shifts.x().size) - p;
    if (count > 0) {
      T* const at = to.data + (first + row) * to.row + col * to.col;
      if (to.col == 1) {
        std::copy_n(from, count, at);
      } else {
        for (int64_t i = 0; i < count; ++i) at[i * to.col] = from[i];
      }
    }
    from += next - p;
    p = next;
  }
}

// The axes of a gradient of x: calls f(shift axes, first element of the target, ConvTarget of a channel) for each
// residue of the strides.
template <class T, class F>
void for_each_residue(const ConvSize& size, T* dx, const F& f) {
  for (int64_t y = 0; y < std::min(size.y.stride, size.y.in); ++y) {
    for (int64_t x = 0; x < std::min(size.x.stride, size.x.in); ++x) {
      f(ShiftAxis::input_grad(size.y, y), ShiftAxis::input_grad(size.x, x),
        ConvTarget<T>{dx + y * size.x.in + x, size.y.stride * size.x.in, size.x.stride});
    }
  }
}

}  // namespace gossamer
