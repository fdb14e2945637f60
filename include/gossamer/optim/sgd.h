// SGD: stochastic gradient descent, with momentum on request.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gossamer/optim/optimizer.h"

#pragma GCC visibility push(default)
namespace gossamer::optim {

struct SgdOptions {
  double lr = 1e-3;             // finite, >= 0
  double momentum = 0;          // finite, >= 0; with 0 there is no state
  double dampening = 0;         // finite; the gradient enters the momentum with weight 1 - dampening
  double weight_decay = 0;      // finite, >= 0; L2: weight_decay * w is added to the gradient
  bool nesterov = false;        // needs momentum > 0 and dampening 0
  bool maximize = false;        // ascends instead
  bool skip_nonfinite = false;  // see Optimizer::step
};

// torch.optim.SGD. With g = grad + weight_decay * w:
//   momentum_buffer = momentum * momentum_buffer + (1 - dampening) * g      (at the first update: g)
//   w -= lr * (nesterov ? g + momentum * momentum_buffer : momentum_buffer) (without momentum: g)
// The momentum and its Nesterov form are those of Sutskever et al. 2013
// (https://proceedings.mlr.press/v28/sutskever13.html) except that lr multiplies the whole sum, which matters where lr
// changes. Momentum that is turned on after the first update starts from a buffer of zeros.
struct SgdRule {
  using Options = SgdOptions;
  static constexpr std::string_view kName = "SGD";
  static void check(const Options& options);
  static std::vector<std::string> state_names(const Options& options);
  static void update(const Options& options, ParameterUpdate& update) noexcept;
};

// SGD(model.parameters(), {.lr = 0.1, .momentum = 0.9}) or SGD({{params_a, {.lr = 0.1}}, {params_b, {.lr = 0.01}}}).
using SGD = RuleOptimizer<SgdRule>;

}  // namespace gossamer::optim
#pragma GCC visibility pop
