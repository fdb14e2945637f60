// Normalization of channels: dimension 1 of x [n, channels, ...].
#pragma once

#include <cstdint>

#include "gossamer/ops/layer_norm.h"
#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

struct BatchNormOptions {
  // [channels], of the dtype of x. Needed in evaluation; in training updated where they are defined.
  Tensor running_mean = {};
  Tensor running_var = {};
  bool training = false;  // statistics of the batch, else the running ones
  double momentum = 0.1;  // share of the batch in the new running statistics, in [0, 1]
  double eps = 1e-5;      // added to the variance, at least 0
};

// (x - mean) / sqrt(variance + eps) * weight + bias for every channel, over all samples and positions. Weight and bias
// are [channels]; undefined they count as 1 and 0. running_var takes up the unbiased variance, the output the biased
// one. Without elements nothing is updated. Throws ShapeError, also for training on one element per channel,
// DTypeError, and ConfigError for the options; what throws has updated nothing. Ioffe and Szegedy 2015,
// https://arxiv.org/abs/1502.03167
[[nodiscard]] Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                const BatchNormOptions& options);

// The channels of each sample are cut into num_groups runs of adjacent ones, and each is normalized by its own mean and
// biased variance. num_groups must divide the channels (ConfigError). Weight and bias are [channels]; undefined they
// count as 1 and 0. Throws ShapeError, DTypeError. Wu and He 2018, https://arxiv.org/abs/1803.08494
[[nodiscard]] Tensor group_norm(const Tensor& x, int64_t num_groups, const Tensor& weight = {}, const Tensor& bias = {},
                                const NormalizationOptions& options = {});

}  // namespace gossamer
#pragma GCC visibility pop
