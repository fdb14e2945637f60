// Normalization of every sample by its own statistics. Parameters are called as in PyTorch: weight, ones, and bias,
// zeros, which take and keep the given shapes.
#pragma once

#include <cstdint>

#include "gossamer/nn/cloneable.h"
#include "gossamer/shape.h"

#pragma GCC visibility push(default)
namespace gossamer::nn {

struct LayerNormOptions {
  Shape normalized_shape;  // the last sizes of x, at least one
  double eps = 1e-5;       // added to the variance
  bool affine = true;      // with weight (and bias) of that shape
  bool bias = true;
  DType dtype = DType::f32;
};

// layer_norm() of ops/layer_norm.h: x [..., normalized_shape].
class LayerNorm final : public Cloneable<LayerNorm> {
 public:
  // Throws ConfigError for a shape without dimensions or elements, or eps out of range; DTypeError unless f32 or f64.
  explicit LayerNorm(const LayerNormOptions& options);

  const LayerNormOptions& options() const { return options_; }
  Tensor forward(const Tensor& x) override;

  // Undefined where there is none.
  const Parameter& weight() const { return weight_; }
  const Parameter& bias() const { return bias_; }

 private:
  LayerNormOptions options_;
  Parameter weight_;
  Parameter bias_;
};

struct RMSNormOptions {
  Shape normalized_shape;  // the last sizes of x, at least one
  double eps = 1e-6;       // added to the mean square
  bool affine = true;      // with a weight of that shape
  DType dtype = DType::f32;
};

// rms_norm() of ops/layer_norm.h: x [..., normalized_shape].
class RMSNorm final : public Cloneable<RMSNorm> {
 public:
  // Throws as LayerNorm does.
  explicit RMSNorm(const RMSNormOptions& options);

  const RMSNormOptions& options() const { return options_; }
  Tensor forward(const Tensor& x) override;

  // Undefined where there is none.
  const Parameter& weight() const { return weight_; }

 private:
  RMSNormOptions options_;
  Parameter weight_;
};

struct GroupNormOptions {
  int64_t groups = 0;    // at least 1, a divisor of the channels
  int64_t channels = 0;  // at least 1
  double eps = 1e-5;     // added to the variance
  bool affine = true;    // with weight and bias [channels]
  DType dtype = DType::f32;
};

// group_norm() of ops/channel_norm.h: x [n, channels, ...].
class GroupNorm final : public Cloneable<GroupNorm> {
 public:
  // Throws ConfigError for options out of range, DTypeError unless f32 or f64.
  explicit GroupNorm(const GroupNormOptions& options);

  const GroupNormOptions& options() const { return options_; }
  Tensor forward(const Tensor& x) override;

  // Undefined where there is none.
  const Parameter& weight() const { return weight_; }
  const Parameter& bias() const { return bias_; }

 private:
  GroupNormOptions options_;
  Parameter weight_;
  Parameter bias_;
};

}  // namespace gossamer::nn
#pragma GCC visibility pop
