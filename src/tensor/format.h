// Tensors in messages.
#pragma once

#include <string>

#include "gossamer/tensor.h"

namespace gossamer {

// "f32 [2, 3]", or "an undefined tensor".
std::string describe(const Tensor& x);

}  // namespace gossamer
