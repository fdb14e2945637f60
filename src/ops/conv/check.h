// What a convolution checks of its operands, and the sizes that follow.
#pragma once

#include "gossamer/ops/conv.h"
#include "gossamer/tensor.h"
#include "ops/conv/shifts.h"

namespace gossamer {

// Throws as conv2d() does, naming `op`. `weight` is the shape of the weight, whose dtype is `dtype`.
ConvSize check_conv2d(const char* op, const Tensor& x, const Shape& weight, DType dtype, const Tensor& bias,
                      const Conv2dOptions& options);

// [n, channels, h, w], or [channels, h, w] for an x of rank 3.
Shape conv_shape(const Tensor& x, const ConvSize& size);

// conv1d() is a conv2d() of images with one row. Throws ShapeError unless x has rank 2 or 3 and the weight rank 3.
void check_conv1d(const char* op, const Tensor& x, const Shape& weight);
Shape as_image(const Shape& line);
Shape as_line(const Shape& image);
Conv2dOptions as_image(const Conv1dOptions& line);

}  // namespace gossamer
