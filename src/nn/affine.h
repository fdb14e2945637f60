// Weight and bias of normalizations, and what their options must be.
#pragma once

#include <string_view>

#include "gossamer/nn/init.h"
#include "gossamer/parameter.h"
#include "gossamer/tensor.h"
#include "ops/norm_checks.h"
#include "runtime/check.h"

namespace gossamer::nn {

inline Parameter affine_parameter(const Shape& shape, DType dtype, double value) {
  const Parameter parameter = init::make_parameter({.shape = shape, .dtype = dtype}, 0);
  init::constant(parameter, value);
  return parameter;
}

inline Tensor tensor_of(const Parameter& parameter) { return parameter.defined() ? parameter.tensor() : Tensor(); }

inline void check_norm(std::string_view op, const Shape& shape, double eps, DType dtype) {
  if (shape.rank() < 1 || shape.numel() < 1) {
    fail<ConfigError>(op, "what is normalized must have at least one dimension, and no size 0", shape.to_string());
  }
  check_eps(op, eps);
  if (!is_floating(dtype)) fail<DTypeError>(op, "dtype must be f32 or f64", dtype_name(dtype));
}

// [channels], which must be at least 1.
inline Shape channel_shape(std::string_view op, int64_t channels) {
  if (channels < 1) fail<ConfigError>(op, "channels must be at least 1", fmt::format("{}", channels));
  return {channels};
}

}  // namespace gossamer::nn
