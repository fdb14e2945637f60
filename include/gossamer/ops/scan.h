// Running sums along a dimension.
#pragma once

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

// x -> the same shape: element k along `dim` (negative counts from the end) is the sum of elements 0 to k, added in
// double. f32 or f64 (DTypeError); ShapeError for a scalar or a dimension outside the rank.
[[nodiscard]] Tensor cumsum(const Tensor& x, int dim);

}  // namespace gossamer
#pragma GCC visibility pop
