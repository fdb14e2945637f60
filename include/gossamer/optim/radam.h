// RAdam: Adam whose adaptive step waits until its variance is bounded.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gossamer/optim/optimizer.h"

#pragma GCC visibility push(default)
namespace gossamer::optim {

struct RAdamOptions {
  double lr = 1e-3;             // finite, >= 0
  double beta1 = 0.9;           // in [0, 1): decay of exp_avg
  double beta2 = 0.999;         // in [0, 1): decay of exp_avg_sq
  double eps = 1e-8;            // finite, >= 0; added to the root
  double weight_decay = 0;      // finite, >= 0; L2: weight_decay * w is added to the gradient
  bool maximize = false;        // ascends instead
  bool skip_nonfinite = false;  // see Optimizer::step
};

// torch.optim.RAdam, after Liu et al. 2020, https://arxiv.org/abs/1908.03265. With g = grad + weight_decay * w,
// r_inf = 2 / (1 - beta2) - 1 and r = r_inf - 2 * t * beta2^t / (1 - beta2^t), at update t of a parameter:
//   exp_avg    = beta1 * exp_avg    + (1 - beta1) * g
//   exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * g^2
//   r > 5:  w -= lr * c / (1 - beta1^t) * exp_avg * sqrt(1 - beta2^t) / (sqrt(exp_avg_sq) + eps)
//           with c = sqrt((r - 4) (r - 2) r_inf / ((r_inf - 4) (r_inf - 2) r))
//   else:   w -= lr / (1 - beta1^t) * exp_avg
// The states are exp_avg and exp_avg_sq.
struct RAdamRule {
  using Options = RAdamOptions;
  static constexpr std::string_view kName = "RAdam";
  static void check(const Options& options);
  static std::vector<std::string> state_names(const Options& options);
  static void update(const Options& options, ParameterUpdate& update) noexcept;
};

using RAdam = RuleOptimizer<RAdamRule>;

}  // namespace gossamer::optim
#pragma GCC visibility pop
