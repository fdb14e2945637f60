// Sharing a number of connections out by weights.
#pragma once

#include <cstdint>
#include <vector>

namespace gossamer::sparse {

// Whole shares of `total` in proportion to the weights (finite, at least 0), none above its capacity. What one cannot
// take goes to the others, to weights of 0 last and evenly; what rounding leaves goes one by one to the largest
// weights, ties to the earlier. They add up to `total`, or to all capacities where these are less.
std::vector<int64_t> apportion(int64_t total, const std::vector<double>& weights,
                               const std::vector<int64_t>& capacities);

}  // namespace gossamer::sparse
