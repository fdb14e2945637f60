// RigL: growth where the gradient is largest.
#pragma once

#include "gossamer/sparse/drop_and_grow.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {

struct RigLOptions {
  Sparsity sparsity = 0.0;          // a constant must be at least 0 and below 1
  Schedule drop_fraction = 0.3;     // share of the connections that an update drops
  UpdateSchedule update = {};       // default: every step
  int64_t balance_in_groups = 0;    // 0: none; else groups of columns with equal counts; must divide the columns
  int64_t balance_out_groups = 0;   // 0: none; else groups of rows with equal counts; must divide the rows
  InitMethod init_method = random;  // makes the first patterns, in the same groups
  uint64_t seed = 0;
};

// An update keeps the int((1 - drop_fraction) * nnz / groups) connections of largest magnitude of each group and grows
// max(int((1 - sparsity) * n / groups) - kept, 0) where the dense gradient is largest among the absent, those just
// dropped included. The gradient is formed block by block on update steps alone, unclipped, and summed over all
// backward passes since zero_grad(). A gradient that is not finite leaves the pattern alone. Evci et al. 2020,
// https://arxiv.org/abs/1911.11134
class RigL final : public DropAndGrow {
 public:
  // Throws ConfigError: sparsity out of range, both kinds of groups, a negative number of them.
  explicit RigL(RigLOptions options);

 protected:
  TopologyChange first_change(const SparseParameter& parameter) const override;
  void complete(InitContext& context) const override;
  Groups groups(const Parameter& parameter) const override;

 private:
  int64_t in_groups_;
  int64_t out_groups_;
};

}  // namespace gossamer::sparse
#pragma GCC visibility pop
