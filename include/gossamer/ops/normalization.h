// Normalization along a dimension.
#pragma once

#include <cstdint>

#include "gossamer/tensor.h"

namespace gossamer {

[[nodiscard]] Tensor softmax(const Tensor& x, int dim = -1);
[[nodiscard]] Tensor log_softmax(const Tensor& x, int dim = -1);

}  // namespace gossamer
