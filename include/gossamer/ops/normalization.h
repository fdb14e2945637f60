// Normalization along a dimension, which counts from the end where it is negative. Operands are f32 or f64 (DTypeError)
// of rank 1 or more (ShapeError).
#pragma once

#include <cstdint>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

// exp(x) / Σ exp(x), without overflow; NaN where all elements are -infinity, as in torch.
[[nodiscard]] Tensor softmax(const Tensor& x, int dim = -1);
// Its logarithm, which keeps the digits of small shares.
[[nodiscard]] Tensor log_softmax(const Tensor& x, int dim = -1);

}  // namespace gossamer
#pragma GCC visibility pop
