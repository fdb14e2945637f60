// Batch norm: channels are normalized by the statistics of the batch in training, by running ones in evaluation.
#pragma once

#include <cstdint>
#include <optional>

#include "gossamer/nn/cloneable.h"
#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer::nn {

// Of BatchNorm1d and BatchNorm2d.
struct BatchNormNdOptions {
  int64_t channels = 0;  // at least 1
  double eps = 1e-5;     // added to the variance
  // Share of the batch in the new running statistics, in [0, 1]; without one they are the means over all batches.
  std::optional<double> momentum = 0.1;
  bool affine = true;  // with weight and bias [channels], ones and zeros at first
  DType dtype = DType::f32;
};

// batch_norm() of ops/channel_norm.h. Buffers, called as in PyTorch: running_mean and running_var [channels], of the
// layer's dtype, and num_batches_tracked, i64, a scalar. A forward that throws has changed none of them. In evaluation
// they are only read, so that several threads may run forward under NoGrad; in training one at a time.
template <class Derived>
class BatchNormNd : public Cloneable<Derived> {
 public:
  // Throws ConfigError for options out of range, DTypeError unless f32 or f64.
  explicit BatchNormNd(const BatchNormNdOptions& options);

  const BatchNormNdOptions& options() const { return options_; }
  // Throws ShapeError for another rank or number of channels, and in training for one element per channel.
  Tensor forward(const Tensor& x) override;

  // Undefined where there is none.
  const Parameter& weight() const { return weight_; }
  const Parameter& bias() const { return bias_; }
  const Tensor& running_mean() const { return running_mean_; }
  const Tensor& running_var() const { return running_var_; }

 private:
  BatchNormNdOptions options_;
  Parameter weight_;
  Parameter bias_;
  Tensor running_mean_;
  Tensor running_var_;
  Tensor num_batches_tracked_;
};

// x [n, channels] or [n, channels, length].
class BatchNorm1d final : public BatchNormNd<BatchNorm1d> {
 public:
  using BatchNormNd::BatchNormNd;
};

// x [n, channels, h, w].
class BatchNorm2d final : public BatchNormNd<BatchNorm2d> {
 public:
  using BatchNormNd::BatchNormNd;
};

extern template class BatchNormNd<BatchNorm1d>;
extern template class BatchNormNd<BatchNorm2d>;

}  // namespace gossamer::nn
#pragma GCC visibility pop
