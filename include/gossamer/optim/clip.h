// Gradient clipping: between backward() and step().
#pragma once

#include <vector>

#include "gossamer/parameter.h"

#pragma GCC visibility push(default)
namespace gossamer::optim {

struct ClipOptions {
  double norm_type = 2;             // p of the p-norm, > 0; infinity: the largest absolute value
  bool error_if_nonfinite = false;  // StateError, before any change, when the norm is NaN or infinite
};

// Scales all gradients in place by max_norm / (norm + 1e-6) where that is below 1; norm is that of all gradients seen
// as one vector, and is returned (0 when there are none). Parameters without a gradient do not count; pruned
// connections have none. The norm has the same bits for any number of threads.
//
// As in torch, a norm that is not finite is applied all the same unless error_if_nonfinite: NaN makes every gradient
// NaN, an infinite norm makes finite gradients 0 and infinite ones NaN. Throws ConfigError when max_norm is negative or
// NaN, or norm_type is not above 0.
double clip_grad_norm(const std::vector<Parameter>& params, double max_norm, const ClipOptions& options = {});

// Clamps every element of every gradient to [-clip_value, clip_value] in place; NaN stays NaN. Throws ConfigError when
// clip_value is negative or NaN.
void clip_grad_value(const std::vector<Parameter>& params, double clip_value);

}  // namespace gossamer::optim
#pragma GCC visibility pop
