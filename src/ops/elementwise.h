// The kernels of kernels/elementwise_table.h on tensors: parallel, with broadcasting, on tiles where the operands hold
// them. Forward and backward of elementwise operations are made of these. All but recorded_map leave the check of
// operands to the caller (ops/check.h), and what is not called recorded records nothing.
#pragma once

#include "gossamer/tensor.h"
#include "kernels/elementwise_table.h"

namespace gossamer {

// y = op(x), elementwise, for a floating dtype.
Tensor map(kernels::Unary op, const Tensor& x);

// op(a, b), elementwise with broadcasting, for operands of one floating dtype. `name` begins the ShapeError of sizes
// that do not fit.
Tensor zip(const char* name, kernels::Binary op, const Tensor& a, const Tensor& b);

// op(a, b) for operands of one shape, in the memory of b where no other tensor shares it: for gradients, which are used
// up by it.
Tensor zip_over(const char* name, kernels::Binary op, const Tensor& a, const Tensor& b);

// op(x, scalar), the scalar rounded to the dtype of x.
Tensor zip_scalar(kernels::Binary op, const Tensor& x, double scalar);

// y = op(x), checked and recorded: a whole operation. The gradient is grad_op(kept, gradient of y), where kept is x or
// y.
enum class Keeps { Input, Output };
Tensor recorded_map(const char* name, const Tensor& x, kernels::Unary op, kernels::Binary grad_op, Keeps keeps);
// op(x, scalar), recorded, of an x that is checked. The gradient is slope_op(x, scalar) times that of the result.
Tensor recorded_zip_scalar(const char* name, const Tensor& x, kernels::Binary op, kernels::Binary slope_op,
                           double scalar);

}  // namespace gossamer
