// Adadelta: steps scaled by running means of the squared gradient and of the squared step.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gossamer/optim/optimizer.h"

#pragma GCC visibility push(default)
namespace gossamer::optim {

struct AdadeltaOptions {
  double lr = 1;                // finite, >= 0
  double rho = 0.9;             // in [0, 1): decay of square_avg and acc_delta
  double eps = 1e-6;            // finite, >= 0; added under both roots
  double weight_decay = 0;      // finite, >= 0; L2: weight_decay * w is added to the gradient
  bool maximize = false;        // ascends instead
  bool skip_nonfinite = false;  // see Optimizer::step
};

// torch.optim.Adadelta, after Zeiler 2012, https://arxiv.org/abs/1212.5701. With g = grad + weight_decay * w:
//   square_avg = rho * square_avg + (1 - rho) * g^2
//   d          = sqrt(acc_delta + eps) / sqrt(square_avg + eps) * g
//   acc_delta  = rho * acc_delta + (1 - rho) * d^2
//   w         -= lr * d
// The states are square_avg and acc_delta.
struct AdadeltaRule {
  using Options = AdadeltaOptions;
  static constexpr std::string_view kName = "Adadelta";
  static void check(const Options& options);
  static std::vector<std::string> state_names(const Options& options);
  static void update(const Options& options, ParameterUpdate& update) noexcept;
};

using Adadelta = RuleOptimizer<AdadeltaRule>;

}  // namespace gossamer::optim
#pragma GCC visibility pop
