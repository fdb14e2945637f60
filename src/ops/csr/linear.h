// The fully connected layer on a CSR weight.
#pragma once

#include "gossamer/tensor.h"
#include "ops/csr/weight.h"

namespace gossamer {

// x [..., cols], bias [rows] or undefined -> [..., rows]; the public csr_linear with all that a weight carries.
Tensor csr_linear(const Tensor& x, const CsrWeight& weight, const Tensor& bias);

// x in the layout in which products with the weight, and with others of its width, take it: packed here, once for all
// of them, where each would pack it. Otherwise, and where the weight does not take it, x itself.
Tensor csr_packed(const Tensor& x, const CsrWeight& weight);

}  // namespace gossamer
