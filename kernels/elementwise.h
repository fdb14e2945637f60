// Loops over contiguous arrays, one kernel for each row of elementwise_table.h: one thread, noexcept, no allocation, no
// alignment required.
//
// Every element goes through the same operations wherever it stands, so results depend neither on the alignment of the
// pointers nor on how a caller splits an array. Arrays of one call may be the same (in place), but must not overlap
// otherwise. n may be 0.
#pragma once

#include <cstdint>

#include "kernels/elementwise_table.h"

namespace gossamer::kernels {

// y[i] = op(x[i])
void map(Unary op, int64_t n, const float* x, float* y) noexcept;
void map(Unary op, int64_t n, const double* x, double* y) noexcept;

// An operand of a binary kernel: stride 1 walks the array, stride 0 repeats the first element.
template <class T>
struct Operand {
  const T* data;
  int64_t stride = 1;
};

// y[i] = op(a[i * stride], b[i * stride])
void zip(Binary op, int64_t n, Operand<float> a, Operand<float> b, float* y) noexcept;
void zip(Binary op, int64_t n, Operand<double> a, Operand<double> b, double* y) noexcept;

}  // namespace gossamer::kernels
