// Choosing among the connections of several parameters together.
#pragma once

#include <cstdint>
#include <vector>

#include "gossamer/tensor.h"

namespace gossamer::sparse {

// How many each of the score arrays (f32 or f64, at least 0) has among the `keep` highest of all, ties to the earlier
// array; NaN below every number. O(number of scores) time and memory.
std::vector<int64_t> share_of_highest(const std::vector<Tensor>& scores, int64_t keep);

}  // namespace gossamer::sparse
