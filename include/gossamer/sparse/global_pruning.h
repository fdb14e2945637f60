// GlobalPruning: gradual pruning in which the connections of all parameters compete with each other.
#pragma once

#include <span>
#include <vector>

#include "gossamer/sparse/dynamic.h"
#include "gossamer/sparse/prune.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {

struct GlobalPruningOptions {
  Schedule sparsity = 0.0;                     // of all parameters together
  UpdateSchedule update = {};                  // default: every step
  ConnectionScores scores = magnitude_scores;  // what the connections compete by; saliency_scores for |w * g|
  InitMethod init_method = random;             // of each parameter by itself
  uint64_t seed = 0;
};

// An update keeps, of the N elements of all parameters that have a finite gradient, the int((1 - sparsity) * N)
// connections of highest score, ties to the earlier parameter and then to the lower row-major position. How sparse one
// parameter becomes follows from that; target_sparsity() is the one of all together. Where there are fewer connections,
// because the sparsity went down, all stay and the missing ones are absent ones of the earliest parameters and lowest
// positions. With parameters in several optimizers, those of one compete. Global magnitude pruning: Blalock et al.
// 2020, https://arxiv.org/abs/2003.03033; by saliency: Molchanov et al. 2019, https://arxiv.org/abs/1906.10771
class GlobalPruning final : public DynamicSparsityAlgorithm {
 public:
  // Throws ConfigError for a constant sparsity outside [0, 1), or without scores.
  explicit GlobalPruning(GlobalPruningOptions options);

 protected:
  std::vector<TopologyChange> plan_all(std::span<const Planned> planned) override;

 private:
  ConnectionScores scores_;
};

}  // namespace gossamer::sparse
#pragma GCC visibility pop
