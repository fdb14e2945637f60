// The fully connected layer on a CSR weight.
#pragma once

#include "gossamer/tensor.h"
#include "ops/csr/weight.h"

namespace gossamer {

// x [..., cols], bias [rows] or undefined -> [..., rows]; the public csr_linear with all that a weight carries.
Tensor csr_linear(const Tensor& x, const CsrWeight& weight, const Tensor& bias);

}  // namespace gossamer
