// Lion: steps of one size, by the sign of an interpolated momentum.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gossamer/optim/optimizer.h"

#pragma GCC visibility push(default)
namespace gossamer::optim {

struct LionOptions {
  double lr = 1e-4;             // finite, >= 0; a third to a tenth of AdamW's
  double beta1 = 0.9;           // in [0, 1): weight of exp_avg in the step
  double beta2 = 0.99;          // in [0, 1): decay of exp_avg
  double weight_decay = 0;      // finite, >= 0; decoupled: w is scaled by 1 - lr * weight_decay before the update
  bool maximize = false;        // ascends instead
  bool skip_nonfinite = false;  // see Optimizer::step
};

// Chen et al. 2023, https://arxiv.org/abs/2302.06675 (algorithm 2); no part of torch.
//   w       = (1 - lr * weight_decay) * w - lr * sign(beta1 * exp_avg + (1 - beta1) * grad)
//   exp_avg = beta2 * exp_avg + (1 - beta2) * grad
// The state is exp_avg. sign(0) is 0, and a NaN stays NaN.
struct LionRule {
  using Options = LionOptions;
  static constexpr std::string_view kName = "Lion";
  static void check(const Options& options);
  static std::vector<std::string> state_names(const Options& options);
  static void update(const Options& options, ParameterUpdate& update) noexcept;
};

using Lion = RuleOptimizer<LionRule>;

}  // namespace gossamer::optim
#pragma GCC visibility pop
