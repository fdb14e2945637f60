// Rprop: steps whose sizes depend on the signs of the gradient alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gossamer/optim/optimizer.h"

#pragma GCC visibility push(default)
namespace gossamer::optim {

struct RpropOptions {
  double lr = 1e-2;             // finite, >= 0; the first step size, of no effect on a weight after its first update
  double eta_minus = 0.5;       // in (0, 1): factor of the step size where the gradient changes its sign
  double eta_plus = 1.2;        // finite, above 1: factor where it keeps it
  double step_min = 1e-6;       // above 0
  double step_max = 50;         // finite, >= step_min
  bool maximize = false;        // ascends instead
  bool skip_nonfinite = false;  // see Optimizer::step
};

// torch.optim.Rprop, after Riedmiller and Braun 1993, https://doi.org/10.1109/ICNN.1993.298623. For the gradient of the
// whole data set, not of batches; there is no weight decay.
//   step_size = clamp(step_size * (eta_plus where grad * prev > 0, eta_minus where < 0, else 1), step_min, step_max)
//   g    = 0 where grad * prev < 0, else grad
//   w   -= sign(g) * step_size
//   prev = g
// The states are prev and step_size, neither of which decays. A step_size of 0, as at the first update and at
// connections that grew, counts as lr. A gradient of NaN makes the weight NaN.
struct RpropRule {
  using Options = RpropOptions;
  static constexpr std::string_view kName = "Rprop";
  static void check(const Options& options);
  static std::vector<std::string> state_names(const Options& options);
  static void update(const Options& options, ParameterUpdate& update) noexcept;
};

using Rprop = RuleOptimizer<RpropRule>;

}  // namespace gossamer::optim
#pragma GCC visibility pop
