// Matrix products.
#pragma once

#include <cstdint>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

// What a product takes for one of its operands.
struct MatmulOptions {
  bool transpose_a = false;  // the last two dimensions of a exchanged, without a copy
  bool transpose_b = false;
};
// [..., m, k] x [..., k, n] -> [..., m, n]; leading dimensions broadcast. A vector [k] is a row on the left and a
// column on the right, and its dimension is not in the result: two vectors give their dot product. Operands share a
// dtype, f32 or f64 (DTypeError); ShapeError where sizes do not fit.
[[nodiscard]] Tensor matmul(const Tensor& a, const Tensor& b, const MatmulOptions& options = {});

// x [..., in], weight [out, in], bias [out] or undefined -> x weightᵀ + bias [..., out].
[[nodiscard]] Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

}  // namespace gossamer
#pragma GCC visibility pop
