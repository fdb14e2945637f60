// MEST: memory-economic sparse training.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "gossamer/sparse/drop_and_grow.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {

struct MESTOptions {
  Sparsity sparsity = 0.0;          // a constant must be at least 0 and below 1
  Schedule drop_fraction = 0.3;     // share of the connections that an update drops
  UpdateSchedule update = {};       // default: every step
  double gradient_weight = 1;       // lambda of the paper, at least 0 and finite; 0 is SET
  InitMethod init_method = random;  // makes the first patterns, unless training starts dense
  uint64_t seed = 0;
};

// As SET, but connections are ranked by |w| + gradient_weight * |g|, where g is the gradient that step() has used: a
// small weight that is about to grow stays. No dense gradient is formed. Yuan et al. 2021,
// https://arxiv.org/abs/2110.14032
class MEST final : public DropAndGrow {
 public:
  // Throws ConfigError for options out of range.
  explicit MEST(MESTOptions options);
  explicit MEST(double sparsity) : MEST(MESTOptions{.sparsity = sparsity}) {}

 protected:
  bool wants_dense_gradient() const override { return false; }
  Tensor drop_scores(const Parameter& parameter) const override;
  std::optional<std::vector<int64_t>> grow(const SparseParameter& parameter, const PlanContext& context,
                                           const Vacancy& vacancy) const override;

 private:
  double gradient_weight_;
};

}  // namespace gossamer::sparse
#pragma GCC visibility pop
