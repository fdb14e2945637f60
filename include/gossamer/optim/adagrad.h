// Adagrad: steps scaled by the sum of all squared gradients.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gossamer/optim/optimizer.h"

#pragma GCC visibility push(default)
namespace gossamer::optim {

struct AdagradOptions {
  double lr = 1e-2;                      // finite, >= 0
  double lr_decay = 0;                   // finite, >= 0
  double weight_decay = 0;               // finite, >= 0; L2: weight_decay * w is added to the gradient
  double initial_accumulator_value = 0;  // finite, >= 0; what sum starts from
  double eps = 1e-10;                    // finite, >= 0; added to the root
  bool maximize = false;                 // ascends instead
  bool skip_nonfinite = false;           // see Optimizer::step
};

// torch.optim.Adagrad, after Duchi, Hazan and Singer 2011, https://jmlr.org/papers/v12/duchi11a.html. With
// g = grad + weight_decay * w, at update t of a parameter:
//   sum += g^2
//   w   -= lr / (1 + (t - 1) * lr_decay) * g / (sqrt(sum) + eps)
// The state is sum, which never decays. Its memory starts at zero as all states do: a sum below
// initial_accumulator_value, as at the first update and at connections that grew, counts as that value.
struct AdagradRule {
  using Options = AdagradOptions;
  static constexpr std::string_view kName = "Adagrad";
  static void check(const Options& options);
  static std::vector<std::string> state_names(const Options& options);
  static void update(const Options& options, ParameterUpdate& update) noexcept;
};

using Adagrad = RuleOptimizer<AdagradRule>;

}  // namespace gossamer::optim
#pragma GCC visibility pop
