// The convolution with a CSR weight, seen as [out, in * kh * kw].
#pragma once

#include "gossamer/ops/conv.h"
#include "gossamer/tensor.h"
#include "ops/csr/weight.h"

namespace gossamer {

// As conv2d() and conv1d(), for a weight whose dense shape is `shape`. In groups the general way (csr_to_dense)
// computes: the products of one have too few rows to gain by skipping zeros.
Tensor csr_conv2d(const Tensor& x, const CsrWeight& weight, const Shape& shape, const Tensor& bias,
                  const Conv2dOptions& options);
Tensor csr_conv1d(const Tensor& x, const CsrWeight& weight, const Shape& shape, const Tensor& bias,
                  const Conv1dOptions& options);

}  // namespace gossamer
