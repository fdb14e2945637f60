// The one sum that autograd needs.
#pragma once

#include "gossamer/tensor.h"

namespace gossamer {

// sum += x, elementwise; same shape and floating dtype.
void add_into(Tensor& sum, const Tensor& x);

// Whether every element is finite (neither NaN nor infinite). Floating dtypes.
bool all_finite(const Tensor& x);

}  // namespace gossamer
