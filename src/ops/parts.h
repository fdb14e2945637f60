// Parts of a tensor along a dimension.
#pragma once

#include <cstdint>

#include "gossamer/tensor.h"

namespace gossamer {

// Elements [begin, begin + size) of a dimension, which must lie in it; recorded as `op`. A view where no dimension
// before is larger than 1, else a copy.
Tensor part_of(const char* op, const Tensor& x, int dim, int64_t begin, int64_t size);

}  // namespace gossamer
