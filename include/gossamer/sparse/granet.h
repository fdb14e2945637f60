// GraNet: gradual pruning with regrowth.
#pragma once

#include "gossamer/sparse/drop_and_grow.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {

struct GraNetOptions {
  Sparsity sparsity = 0.0;       // as a rule one that rises, Cubic for instance, from 0 or from where training starts
  Schedule drop_fraction = 0.5;  // share of the connections that an update replaces, after pruning to the sparsity
  UpdateSchedule update = {};    // default: every step
  InitMethod init_method = random;
  uint64_t seed = 0;
};

// An update prunes to the target of k = int((1 - sparsity) * n) connections by magnitude, drops a share of them more,
// and grows as many where the dense gradient is largest among the absent: of min(k, nnz) connections the int((1 -
// drop_fraction) * min(k, nnz)) largest stay, and growth fills up to k. What RigL says about the gradient holds here
// too. Liu et al. 2021, https://arxiv.org/abs/2106.10404
class GraNet final : public DropAndGrow {
 public:
  // Throws ConfigError for a constant sparsity outside [0, 1).
  explicit GraNet(GraNetOptions options);

 protected:
  int64_t num_to_keep(const Parameter& parameter, int64_t nnz, const PlanContext& context) const override;
};

}  // namespace gossamer::sparse
#pragma GCC visibility pop
