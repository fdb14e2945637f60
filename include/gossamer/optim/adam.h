// Adam and AdamW: steps scaled by running moments of the gradient.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gossamer/optim/optimizer.h"

#pragma GCC visibility push(default)
namespace gossamer::optim {

struct AdamOptions {
  double lr = 1e-3;             // finite, >= 0
  double beta1 = 0.9;           // in [0, 1): decay of exp_avg
  double beta2 = 0.999;         // in [0, 1): decay of exp_avg_sq
  double eps = 1e-8;            // finite, >= 0; added to the root
  double weight_decay = 0;      // finite, >= 0; L2: weight_decay * w is added to the gradient
  bool amsgrad = false;         // divides by the largest exp_avg_sq so far: https://arxiv.org/abs/1904.09237
  bool maximize = false;        // ascends instead
  bool skip_nonfinite = false;  // see Optimizer::step
};

struct AdamWOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 1e-2;  // decoupled: w is scaled by 1 - lr * weight_decay before the update
  bool amsgrad = false;
  bool maximize = false;
  bool skip_nonfinite = false;
};

// torch.optim.Adam, after Kingma and Ba, https://arxiv.org/abs/1412.6980. At update t of a parameter:
//   exp_avg    = beta1 * exp_avg    + (1 - beta1) * grad
//   exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * grad^2
//   w -= lr / (1 - beta1^t) * exp_avg / (sqrt(exp_avg_sq / (1 - beta2^t)) + eps)
// The states are exp_avg and exp_avg_sq, with amsgrad also max_exp_avg_sq.
struct AdamRule {
  using Options = AdamOptions;
  static constexpr std::string_view kName = "Adam";
  static void check(const Options& options);
  static std::vector<std::string> state_names(const Options& options);
  static void update(const Options& options, ParameterUpdate& update) noexcept;
};

// torch.optim.AdamW, after Loshchilov and Hutter, https://arxiv.org/abs/1711.05101: Adam with decoupled weight decay.
struct AdamWRule {
  using Options = AdamWOptions;
  static constexpr std::string_view kName = "AdamW";
  static void check(const Options& options);
  static std::vector<std::string> state_names(const Options& options);
  static void update(const Options& options, ParameterUpdate& update) noexcept;
};

using Adam = RuleOptimizer<AdamRule>;
using AdamW = RuleOptimizer<AdamWRule>;

}  // namespace gossamer::optim
#pragma GCC visibility pop
