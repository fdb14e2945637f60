// What normalizations check.
#pragma once

#include <string_view>

#include "gossamer/shape.h"
#include "gossamer/tensor.h"

namespace gossamer {

// ConfigError unless eps is finite and not negative.
void check_eps(std::string_view op, double eps);

// Throws unless weight or bias, called `name`, is undefined or has the dtype of x and the given shape.
void check_affine(std::string_view op, const char* name, const Tensor& x, const Tensor& affine, const Shape& shape);

// ShapeError unless x is [n, channels, ...], DTypeError unless it is floating.
void check_channels(std::string_view op, const Tensor& x);

}  // namespace gossamer
