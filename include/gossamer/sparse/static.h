// Static sparsity: one pattern for the whole of training.
#pragma once

#include "gossamer/sparse/algorithm.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {

struct StaticOptions {
  Sparsity sparsity = 0.0;          // constant, at least 0 and below 1
  InitMethod init_method = random;  // makes the patterns
  uint64_t seed = 0;
};

class Static final : public SparsityAlgorithm {
 public:
  // Throws ConfigError for a sparsity outside [0, 1), or one that is not constant.
  explicit Static(StaticOptions options);
  explicit Static(double sparsity) : Static(StaticOptions{.sparsity = sparsity}) {}

 protected:
  bool needs_optimizer(const SparseParameter&) const override { return false; }
  bool plans_steps() const override { return true; }
};

}  // namespace gossamer::sparse
#pragma GCC visibility pop
