// Rows of a CSR table by their numbers.
#pragma once

#include "gossamer/ops/embedding.h"
#include "ops/csr/weight.h"

namespace gossamer {

// The public embedding for a table of which only the nonzeros are held. No dense table or gradient is formed. On those
// steps that a tap collects for growth it gets the dense gradient of the rows that are used.
Tensor csr_embedding(const Tensor& indices, const CsrWeight& weight, const EmbeddingOptions& options);

}  // namespace gossamer
