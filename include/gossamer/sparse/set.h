// SET: sparse evolutionary training.
#pragma once

#include <functional>

#include "gossamer/sparse/drop_and_grow.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {

// Scores that rank the absent connections for growth, as a dense floating tensor of the parameter's shape.
using GrowthScores = std::function<Tensor(const SparseParameter& parameter, int64_t step)>;

struct SETOptions {
  Sparsity sparsity = 0.0;          // a constant must be at least 0 and below 1
  Schedule drop_fraction = 0.3;     // share of the connections that an update drops
  UpdateSchedule update = {};       // default: every step
  InitMethod init_method = random;  // makes the first patterns, unless training starts dense
  uint64_t seed = 0;
  GrowthScores growth_scores = {};  // empty: random growth without replacement, in O(nnz)
};

// An update keeps the int((1 - drop_fraction) * nnz) connections of largest magnitude and grows max(int((1 - sparsity)
// * n) - kept, 0) at random among the absent, those just dropped included. Mocanu et al. 2018,
// https://doi.org/10.1038/s41467-018-04316-3
class SET final : public DropAndGrow {
 public:
  explicit SET(SETOptions options);
  explicit SET(double sparsity) : SET(SETOptions{.sparsity = sparsity}) {}

 protected:
  bool wants_dense_gradient() const override { return false; }
  std::optional<std::vector<int64_t>> grow(const SparseParameter& parameter, const PlanContext& context,
                                           const Vacancy& vacancy) const override;

 private:
  GrowthScores growth_scores_;
};

}  // namespace gossamer::sparse
#pragma GCC visibility pop
