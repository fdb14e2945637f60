// Gathering along a dimension, for operations whose results are chosen elements.
#pragma once

#include "gossamer/tensor.h"

namespace gossamer {

// x[indices] along a dimension, `index` as for gather() and in range: recorded as `op`, and not computed, but given.
Tensor record_gathered(const char* op, const Tensor& gathered, const Tensor& x, int dim, const Tensor& index);

}  // namespace gossamer
