// The one sum that autograd needs.
#pragma once

#include "gossamer/tensor.h"

namespace gossamer {

// sum += x, elementwise; same shape and floating dtype.
void add_into(Tensor& sum, const Tensor& x);
// Takes the memory that add_into(sum, x) would, which cannot fail afterwards.
void prepare_add(const Tensor& sum, const Tensor& x);

// Rows for an operation that must not fail: elements that another left in tiles are unpacked, which takes memory.
void make_rows(const Tensor& x);

// Whether every element is finite (neither NaN nor infinite). Floating dtypes.
bool all_finite(const Tensor& x);

}  // namespace gossamer
