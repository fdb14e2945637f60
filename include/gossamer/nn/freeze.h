// freeze: a model that only answers from here on.
#pragma once

#include "gossamer/nn/module.h"

#pragma GCC visibility push(default)
namespace gossamer::nn {

// Evaluation mode; no parameter requires a gradient, has one, or keeps what only backward needs (the plans of
// transposed weights, half of a CSR weight's indices). So a forward pass records nothing, without a NoGrad, and may run
// on several threads at once. A step of an optimizer finds no gradients and leaves values and patterns as they are.
void freeze(Module& module);

// Undoes it, so that the model can be trained on: training mode, and every parameter requires a gradient, also one that
// did not before freeze().
void unfreeze(Module& module);

}  // namespace gossamer::nn
#pragma GCC visibility pop
