// A CSR weight as a dense tensor in the graph.
#pragma once

#include "gossamer/tensor.h"
#include "ops/csr/weight.h"

namespace gossamer {

// The dense tensor of the given shape, 0 where the subset has no connection; its gradient is gathered at all nonzeros.
Tensor csr_to_dense(const CsrWeight& weight, const Shape& shape);

}  // namespace gossamer
