// What a convolution checks of its operands, and the sizes that follow.
#pragma once

#include "gossamer/ops/conv.h"
#include "gossamer/tensor.h"
#include "ops/conv/shifts.h"

namespace gossamer {

// Throws as conv2d() does. `weight` is the shape of the weight, whose dtype is `dtype`.
ConvSize check_conv2d(const Tensor& x, const Shape& weight, DType dtype, const Tensor& bias,
                      const Conv2dOptions& options);

// [n, channels, h, w], or [channels, h, w] for an x of rank 3.
Shape conv_shape(const Tensor& x, const ConvSize& size);

}  // namespace gossamer
