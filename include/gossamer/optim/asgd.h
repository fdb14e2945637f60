// ASGD: stochastic gradient descent that averages its weights.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gossamer/optim/optimizer.h"

#pragma GCC visibility push(default)
namespace gossamer::optim {

struct AsgdOptions {
  double lr = 1e-2;             // finite, >= 0
  double lambd = 1e-4;          // finite, >= 0; decay of the weights and of the step size
  double alpha = 0.75;          // finite, >= 0; power of the decay of the step size
  double t0 = 1e6;              // finite, >= 0; the update after which the average begins
  double weight_decay = 0;      // finite, >= 0; L2: weight_decay * w is added to the gradient
  bool maximize = false;        // ascends instead
  bool skip_nonfinite = false;  // see Optimizer::step
};

// torch.optim.ASGD, after Polyak and Juditsky 1992, https://doi.org/10.1137/0330046, with the step sizes of Bottou
// 2010, https://leon.bottou.org/publications/pdf/compstat-2010.pdf. With g = grad + weight_decay * w, at update t of a
// parameter:
//   eta = lr / (1 + lambd * lr * (t - 1))^alpha
//   w   = (1 - lambd * eta) * w - eta * g
//   ax += (w - ax) / max(1, t - 1 - t0)
// The state is ax, the average of the weights, which equals w until t passes t0 + 2; at connections that grow it starts
// at 0. eta follows from t and the options in force, where torch takes the lr of the update before.
struct AsgdRule {
  using Options = AsgdOptions;
  static constexpr std::string_view kName = "ASGD";
  static void check(const Options& options);
  static std::vector<std::string> state_names(const Options& options);
  static void update(const Options& options, ParameterUpdate& update) noexcept;
};

using ASGD = RuleOptimizer<AsgdRule>;

}  // namespace gossamer::optim
#pragma GCC visibility pop
