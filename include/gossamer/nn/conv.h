// Convolutions as modules, dense or CSR: ops/conv.h says what they compute.
#pragma once

#include <cstdint>

#include "gossamer/nn/cloneable.h"
#include "gossamer/ops/size2d.h"
#include "gossamer/random.h"

#pragma GCC visibility push(default)
namespace gossamer::nn {

struct Conv1dOptions {
  int64_t in = 0;      // channels of the input, at least 1
  int64_t out = 0;     // channels of the output, at least 1
  int64_t kernel = 0;  // places of the window, at least 1
  int64_t stride = 1;
  int64_t padding = 0;
  int64_t dilation = 1;
  int64_t groups = 1;  // divides in and out
  bool bias = true;
  double sparsity = 0;  // in [0, 1); above 0 the layer is created in CSR, and no dense form of it ever exists
  DType dtype = DType::f32;
};

// x [n, in, l] or [in, l] -> [n, out, l'] or [out, l']. Parameters: weight [out, in / groups, kernel], bias [out].
class Conv1d final : public Cloneable<Conv1d> {
 public:
  // Weight and bias are uniform in ±1/sqrt(in / groups * kernel) (the default of torch.nn.Conv1d). One key is taken
  // from rng whatever the options, and elements are functions of (key, index): a layer created with sparsity s is the
  // dense one of the same rng, masked. Throws ConfigError for sizes, groups, a window or a sparsity out of range,
  // DTypeError unless f32 or f64.
  Conv1d(const Conv1dOptions& options, Generator& rng);

  const Conv1dOptions& options() const { return options_; }
  // Throws ShapeError where x does not fit, DTypeError unless it has the layer's dtype.
  Tensor forward(const Tensor& x) override;

  const Parameter& weight() const { return weight_; }
  // Undefined without bias.
  const Parameter& bias() const { return bias_; }

 private:
  Conv1dOptions options_;
  Parameter weight_;
  Parameter bias_;
};

struct Conv2dOptions {
  int64_t in = 0;
  int64_t out = 0;
  Size2d kernel = 0;
  Size2d stride = 1;
  Size2d padding = 0;
  Size2d dilation = 1;
  int64_t groups = 1;
  bool bias = true;
  double sparsity = 0;
  DType dtype = DType::f32;
};

// x [n, in, h, w] or [in, h, w] -> [n, out, h', w'] or [out, h', w']. Parameters: weight [out, in / groups, kernel.h,
// kernel.w], bias [out]. All else as in Conv1d.
class Conv2d final : public Cloneable<Conv2d> {
 public:
  Conv2d(const Conv2dOptions& options, Generator& rng);

  const Conv2dOptions& options() const { return options_; }
  Tensor forward(const Tensor& x) override;

  const Parameter& weight() const { return weight_; }
  const Parameter& bias() const { return bias_; }

 private:
  Conv2dOptions options_;
  Parameter weight_;
  Parameter bias_;
};

}  // namespace gossamer::nn
#pragma GCC visibility pop
