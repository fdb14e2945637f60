#include "gossamer/nn/normalization.h"

#include <fmt/format.h>

#include "gossamer/ops/channel_norm.h"
#include "gossamer/ops/layer_norm.h"
#include "nn/affine.h"
#include "runtime/check.h"

namespace gossamer::nn {

LayerNorm::LayerNorm(const LayerNormOptions& options) : options_(options) {
  check_norm("LayerNorm", options.normalized_shape, options.eps, options.dtype);
  if (!options.affine) return;
  weight_ = affine_parameter(options.normalized_shape, options.dtype, 1);
  register_parameter("weight", weight_);
  if (!options.bias) return;
  bias_ = affine_parameter(options.normalized_shape, options.dtype, 0);
  register_parameter("bias", bias_);
}

Tensor LayerNorm::forward(const Tensor& x) {
  return layer_norm(x, options_.normalized_shape, tensor_of(weight_), tensor_of(bias_), {.eps = options_.eps});
}

RMSNorm::RMSNorm(const RMSNormOptions& options) : options_(options) {
  check_norm("RMSNorm", options.normalized_shape, options.eps, options.dtype);
  if (!options.affine) return;
  weight_ = affine_parameter(options.normalized_shape, options.dtype, 1);
  register_parameter("weight", weight_);
}

Tensor RMSNorm::forward(const Tensor& x) {
  return rms_norm(x, options_.normalized_shape, tensor_of(weight_), {.eps = options_.eps});
}

GroupNorm::GroupNorm(const GroupNormOptions& options) : options_(options) {
  constexpr const char* kOp = "GroupNorm";
  const Shape shape = channel_shape(kOp, options.channels);
  check_norm(kOp, shape, options.eps, options.dtype);
  if (options.groups < 1 || options.channels % options.groups != 0) {
    fail<ConfigError>(kOp, "groups must be at least 1 and divide the channels",
                      fmt::format("{} groups, {} channels", options.groups, options.channels));
  }
  if (!options.affine) return;
  weight_ = affine_parameter(shape, options.dtype, 1);
  bias_ = affine_parameter(shape, options.dtype, 0);
  register_parameter("weight", weight_);
  register_parameter("bias", bias_);
}

Tensor GroupNorm::forward(const Tensor& x) {
  if (x.rank() >= 2 && x.dim(1) != options_.channels) {
    fail<ShapeError>("GroupNorm", fmt::format("x must be [n, {}, ...]", options_.channels), x.shape().to_string());
  }
  return group_norm(x, options_.groups, tensor_of(weight_), tensor_of(bias_), {.eps = options_.eps});
}

}  // namespace gossamer::nn
