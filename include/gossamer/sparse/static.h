// Static sparsity: one pattern for the whole of training.
#pragma once

#include "gossamer/sparse/algorithm.h"

namespace gossamer::sparse {

struct StaticOptions {
  double sparsity = 0;          // share of connections that are zero, at least 0 and below 1
  InitMethod init_method = {};  // random_init() by default
  uint64_t seed = 0;
};

class Static final : public PatternAlgorithm {
 public:
  // Throws ConfigError for a sparsity outside [0, 1).
  explicit Static(StaticOptions options);
  explicit Static(double sparsity) : Static(StaticOptions{.sparsity = sparsity}) {}

  // Counts the step; the pattern stays.
  void update(optim::Optimizer* optimizer = nullptr) override;
};

}  // namespace gossamer::sparse
