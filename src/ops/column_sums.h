// Gradient of a bias.
#pragma once

#include "gossamer/tensor.h"

namespace gossamer {

// Sums over the rows of a [n, m] matrix, as a tensor [m]. The order of additions follows from the size and the layout
// (tensor/tiles.h) alone, so the bits are the same for any number of threads.
Tensor column_sums(const Tensor& matrix);

}  // namespace gossamer
