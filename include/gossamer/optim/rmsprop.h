// RMSprop: steps scaled by a running mean of the squared gradient.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gossamer/optim/optimizer.h"

#pragma GCC visibility push(default)
namespace gossamer::optim {

struct RmspropOptions {
  double lr = 1e-2;             // finite, >= 0
  double alpha = 0.99;          // in [0, 1): decay of square_avg and grad_avg
  double eps = 1e-8;            // finite, >= 0; added to the root
  double weight_decay = 0;      // finite, >= 0; L2: weight_decay * w is added to the gradient
  double momentum = 0;          // finite, >= 0; with 0 there is no momentum_buffer
  bool centered = false;        // divides by the standard deviation of the gradient instead
  bool maximize = false;        // ascends instead
  bool skip_nonfinite = false;  // see Optimizer::step
};

// torch.optim.RMSprop, after Hinton's lecture 6e
// (https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf); centered after Graves 2013,
// https://arxiv.org/abs/1308.0850. With g = grad + weight_decay * w:
//   square_avg = alpha * square_avg + (1 - alpha) * g^2
//   grad_avg   = alpha * grad_avg   + (1 - alpha) * g                          (centered)
//   d = g / (sqrt(square_avg) + eps)                                           (centered: square_avg - grad_avg^2)
//   momentum_buffer = momentum * momentum_buffer + d;  w -= lr * momentum_buffer   (without momentum: w -= lr * d)
// A centered variance that rounding takes below 0 counts as 0; torch gives NaN there. The states are square_avg, with
// momentum also momentum_buffer, centered also grad_avg.
struct RmspropRule {
  using Options = RmspropOptions;
  static constexpr std::string_view kName = "RMSprop";
  static void check(const Options& options);
  static std::vector<std::string> state_names(const Options& options);
  static void update(const Options& options, ParameterUpdate& update) noexcept;
};

using RMSprop = RuleOptimizer<RmspropRule>;

}  // namespace gossamer::optim
#pragma GCC visibility pop
