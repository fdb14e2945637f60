// Operations that take parameters, dense or CSR. A CSR weight meets its kernels; for an operation without one it is
// densified (Parameter::tensor()).
#pragma once

#include "gossamer/ops/conv.h"
#include "gossamer/ops/embedding.h"
#include "gossamer/parameter.h"
#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

// x [..., in] times weight [out, in] transposed, plus bias [out] (may be undefined).
[[nodiscard]] Tensor linear(const Tensor& x, const Parameter& weight, const Parameter& bias = {});

// x [n, in, h, w] or [in, h, w] with weight [out, in / groups, kh, kw], plus bias [out] (ops/conv.h). A CSR weight
// meets its kernels in convolutions without groups.
[[nodiscard]] Tensor conv2d(const Tensor& x, const Parameter& weight, const Parameter& bias = {},
                            const Conv2dOptions& options = {});
// The same along a line: x [n, in, l] or [in, l], weight [out, in / groups, k].
[[nodiscard]] Tensor conv1d(const Tensor& x, const Parameter& weight, const Parameter& bias = {},
                            const Conv1dOptions& options = {});

// Rows of a table [rows, cols] by their numbers (ops/embedding.h).
[[nodiscard]] Tensor embedding(const Tensor& indices, const Parameter& weight, const EmbeddingOptions& options = {});

}  // namespace gossamer
#pragma GCC visibility pop
