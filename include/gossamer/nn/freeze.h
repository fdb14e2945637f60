// freeze: a model that only answers from here on.
#pragma once

#include "gossamer/nn/module.h"

#pragma GCC visibility push(default)
namespace gossamer::nn {

// Evaluation mode; no parameter requires a gradient, has one, or keeps what only backward needs (the plans of
// transposed weights, half of a CSR weight's indices). So a forward pass records nothing, without a NoGrad, and may run
// on several threads at once. Parameter::set_requires_grad() and train() undo it. Optimizers must not step meanwhile.
void freeze(Module& module);

}  // namespace gossamer::nn
#pragma GCC visibility pop
