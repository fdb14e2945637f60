// GMP: gradual magnitude pruning.
#pragma once

#include "gossamer/sparse/dynamic.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {

struct GMPOptions {
  Sparsity sparsity = 0.0;          // to be given: no schedule may be constant, Static is for that
  UpdateSchedule update = {};       // default: every step
  InitMethod init_method = random;  // makes the first patterns, unless training starts dense
  uint64_t seed = 0;
};

// An update keeps the int((1 - sparsity) * n) connections of largest magnitude. Where there are fewer, because the
// sparsity went down, all stay and the missing ones are absent ones of the lowest row-major positions: an absent
// connection has no magnitude to tell it from another. Zhu and Gupta 2017, https://arxiv.org/abs/1710.01878
class GMP final : public DynamicSparsityAlgorithm {
 public:
  // Throws ConfigError for a constant sparsity, naming Static.
  explicit GMP(GMPOptions options);

 protected:
  TopologyChange plan(const SparseParameter& parameter, const PlanContext& context) override;
};

}  // namespace gossamer::sparse
#pragma GCC visibility pop
