// Gradient of a bias.
#pragma once

#include "gossamer/tensor.h"

namespace gossamer {

// Sums over the rows of a [n, m] matrix, as a tensor [m]: in row order, so the same bits for any number of threads.
Tensor column_sums(const Tensor& matrix);

}  // namespace gossamer
