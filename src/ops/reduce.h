// Sums that gradients of other operations need.
#pragma once

#include "gossamer/tensor.h"

namespace gossamer {

// x summed over the dimensions along which broadcasting had stretched `shape` to that of x; x itself where there are
// none. Nothing is recorded.
Tensor sum_to(const Tensor& x, const Shape& shape);

}  // namespace gossamer
