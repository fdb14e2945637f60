// Adamax: Adam with the infinity norm of the gradients in place of their second moment.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gossamer/optim/optimizer.h"

#pragma GCC visibility push(default)
namespace gossamer::optim {

struct AdamaxOptions {
  double lr = 2e-3;             // finite, >= 0
  double beta1 = 0.9;           // in [0, 1): decay of exp_avg
  double beta2 = 0.999;         // in [0, 1): decay of exp_inf
  double eps = 1e-8;            // finite, >= 0; added to the magnitude of the gradient
  double weight_decay = 0;      // finite, >= 0; L2: weight_decay * w is added to the gradient
  bool maximize = false;        // ascends instead
  bool skip_nonfinite = false;  // see Optimizer::step
};

// torch.optim.Adamax, after Kingma and Ba, https://arxiv.org/abs/1412.6980 (section 7.1). With g = grad + weight_decay
// * w, at update t of a parameter:
//   exp_avg = beta1 * exp_avg + (1 - beta1) * g
//   exp_inf = max(beta2 * exp_inf, |g| + eps)
//   w -= lr / (1 - beta1^t) * exp_avg / exp_inf
// The states are exp_avg and exp_inf.
struct AdamaxRule {
  using Options = AdamaxOptions;
  static constexpr std::string_view kName = "Adamax";
  static void check(const Options& options);
  static std::vector<std::string> state_names(const Options& options);
  static void update(const Options& options, ParameterUpdate& update) noexcept;
};

using Adamax = RuleOptimizer<AdamaxRule>;

}  // namespace gossamer::optim
#pragma GCC visibility pop
