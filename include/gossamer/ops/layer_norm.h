// Normalization of every sample by its own statistics.
#pragma once

#include <cstdint>

#include "gossamer/shape.h"
#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

struct NormalizationOptions {
  double eps = 1e-5;  // added to the variance, at least 0
};

// (x - mean) / sqrt(variance + eps) * weight + bias: x [..., normalized_shape], with the mean and the biased variance
// over the trailing dimensions, which must be normalized_shape. Weight and bias have that shape; undefined they count
// as 1 and 0. Throws ShapeError, DTypeError, and ConfigError for eps. Ba et al. 2016, https://arxiv.org/abs/1607.06450
[[nodiscard]] Tensor layer_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight = {},
                                const Tensor& bias = {}, const NormalizationOptions& options = {});

struct RmsNormOptions {
  double eps = 1e-6;  // added to the mean square, at least 0
};

// x / sqrt(mean(x²) + eps) * weight, otherwise as layer_norm.
// Zhang and Sennrich 2019, https://arxiv.org/abs/1910.07467
[[nodiscard]] Tensor rms_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight = {},
                              const RmsNormOptions& options = {});

}  // namespace gossamer
#pragma GCC visibility pop
