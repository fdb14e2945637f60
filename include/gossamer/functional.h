// Operations that take parameters, dense or CSR. A CSR weight meets its kernels; for an operation without one it is
// densified (Parameter::tensor()).
#pragma once

#include "gossamer/parameter.h"
#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

// x [..., in] times weight [out, in] transposed, plus bias [out] (may be undefined).
[[nodiscard]] Tensor linear(const Tensor& x, const Parameter& weight, const Parameter& bias = {});

}  // namespace gossamer
#pragma GCC visibility pop
