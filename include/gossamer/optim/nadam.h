// NAdam: Adam with Nesterov momentum.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gossamer/optim/optimizer.h"

#pragma GCC visibility push(default)
namespace gossamer::optim {

struct NAdamOptions {
  double lr = 2e-3;              // finite, >= 0
  double beta1 = 0.9;            // in [0, 1): decay of exp_avg
  double beta2 = 0.999;          // in [0, 1): decay of exp_avg_sq
  double eps = 1e-8;             // finite, >= 0; added to the root
  double weight_decay = 0;       // finite, >= 0; L2: weight_decay * w is added to the gradient
  double momentum_decay = 4e-3;  // finite, >= 0; how fast mu approaches beta1
  bool maximize = false;         // ascends instead
  bool skip_nonfinite = false;   // see Optimizer::step
};

// torch.optim.NAdam, after Dozat 2016, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ. With
// g = grad + weight_decay * w and mu_t = beta1 * (1 - 0.96^(t * momentum_decay) / 2), at update t of a parameter:
//   exp_avg    = beta1 * exp_avg    + (1 - beta1) * g
//   exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * g^2
//   m  = (1 - mu_t) * g / (1 - p) + mu_(t+1) * exp_avg / (1 - p * mu_t * mu_(t+1))      with p = mu_1 * ... * mu_t
//   w -= lr * m / (sqrt(exp_avg_sq / (1 - beta2^t)) + eps)
// as torch 1.13 does it; the paper and later versions have 1 - p * mu_(t+1) there. The states are exp_avg and
// exp_avg_sq. p follows from t and the options in force, where torch keeps it as a state mu_product.
struct NAdamRule {
  using Options = NAdamOptions;
  static constexpr std::string_view kName = "NAdam";
  static void check(const Options& options);
  static std::vector<std::string> state_names(const Options& options);
  static void update(const Options& options, ParameterUpdate& update) noexcept;
};

using NAdam = RuleOptimizer<NAdamRule>;

}  // namespace gossamer::optim
#pragma GCC visibility pop
