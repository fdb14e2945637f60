// Choosing among the connections of several parameters together.
#pragma once

#include <cstdint>
#include <vector>

#include "gossamer/parameter.h"
#include "gossamer/sparse/prune.h"
#include "gossamer/tensor.h"

namespace gossamer::sparse {

// The scores of a parameter's connections. Throws, naming `op`: ShapeError unless there is one for each, DTypeError
// unless f32 or f64, ConfigError for a negative one.
Tensor checked_scores(const char* op, const Parameter& parameter, const ConnectionScores& score);

// How many each of the score arrays (f32 or f64, at least 0) has among the `keep` highest of all, ties to the earlier
// array; NaN below every number. O(number of scores) time and memory.
std::vector<int64_t> share_of_highest(const std::vector<Tensor>& scores, int64_t keep);

}  // namespace gossamer::sparse
