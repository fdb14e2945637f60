// Operations that take parameters, dense or CSR. A CSR weight meets its kernels; for an operation without one it is
// densified (Parameter::tensor()).
#pragma once

#include "gossamer/ops/embedding.h"
#include "gossamer/parameter.h"
#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

// x [..., in] times weight [out, in] transposed, plus bias [out] (may be undefined).
[[nodiscard]] Tensor linear(const Tensor& x, const Parameter& weight, const Parameter& bias = {});

// Rows of a table [rows, cols] by their numbers (ops/embedding.h).
[[nodiscard]] Tensor embedding(const Tensor& indices, const Parameter& weight, const EmbeddingOptions& options = {});

}  // namespace gossamer
#pragma GCC visibility pop
