// Pooling as modules: ops/pooling.h says what they do, and what they throw.
#pragma once

#include "gossamer/nn/cloneable.h"
#include "gossamer/ops/pooling.h"

#pragma GCC visibility push(default)
namespace gossamer::nn {

// x [n, channels, h, w] or [channels, h, w], as for all of these.
class MaxPool2d final : public Cloneable<MaxPool2d> {
 public:
  explicit MaxPool2d(const MaxPool2dOptions& options) : options_(options) {}

  const MaxPool2dOptions& options() const { return options_; }
  Tensor forward(const Tensor& x) override;

 private:
  MaxPool2dOptions options_;
};

class AvgPool2d final : public Cloneable<AvgPool2d> {
 public:
  explicit AvgPool2d(const AvgPool2dOptions& options) : options_(options) {}

  const AvgPool2dOptions& options() const { return options_; }
  Tensor forward(const Tensor& x) override;

 private:
  AvgPool2dOptions options_;
};

struct AdaptivePool2dOptions {
  Size2d size = 1;  // of the result, at least 1
};

class AdaptiveAvgPool2d final : public Cloneable<AdaptiveAvgPool2d> {
 public:
  explicit AdaptiveAvgPool2d(const AdaptivePool2dOptions& options = {}) : options_(options) {}

  const AdaptivePool2dOptions& options() const { return options_; }
  Tensor forward(const Tensor& x) override;

 private:
  AdaptivePool2dOptions options_;
};

class AdaptiveMaxPool2d final : public Cloneable<AdaptiveMaxPool2d> {
 public:
  explicit AdaptiveMaxPool2d(const AdaptivePool2dOptions& options = {}) : options_(options) {}

  const AdaptivePool2dOptions& options() const { return options_; }
  Tensor forward(const Tensor& x) override;

 private:
  AdaptivePool2dOptions options_;
};

}  // namespace gossamer::nn
#pragma GCC visibility pop
