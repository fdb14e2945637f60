// Linear: the fully connected layer, dense or CSR.
#pragma once

#include <cstdint>

#include "gossamer/nn/cloneable.h"
#include "gossamer/random.h"

#pragma GCC visibility push(default)
namespace gossamer::nn {

struct LinearOptions {
  int64_t in = 0;   // features of the input, at least 1
  int64_t out = 0;  // features of the output, at least 1
  bool bias = true;
  double sparsity = 0;  // in [0, 1); above 0 the layer is created in CSR, and no dense form of it ever exists
  DType dtype = DType::f32;
};

// y = x Wᵀ + b: x [..., in] -> [..., out]. Parameters: weight [out, in], bias [out].
class Linear final : public Cloneable<Linear> {
 public:
  // Weight and bias are uniform in ±1/sqrt(in) (the default of torch.nn.Linear). One key is taken from rng whatever the
  // options, and elements are functions of (key, index): a layer created with sparsity s is the dense one of the same
  // rng, masked. It keeps int((1 - s) * in * out) connections, computed in float32, at random. Throws ConfigError for
  // sizes or a sparsity out of range, DTypeError unless f32 or f64.
  Linear(const LinearOptions& options, Generator& rng);
  // A layer on given parameters, such as those of another layer: weight [out, in], bias [out] or undefined (ShapeError,
  // DTypeError where they differ in dtype).
  explicit Linear(const Parameter& weight, const Parameter& bias = {});

  // What the layer was made with, or what makes one like it.
  const LinearOptions& options() const { return options_; }
  // Throws ShapeError unless x is [..., in]; DTypeError unless it has the layer's dtype.
  Tensor forward(const Tensor& x) override;

  const Parameter& weight() const { return weight_; }
  // Undefined without bias.
  const Parameter& bias() const { return bias_; }

 private:
  LinearOptions options_;
  Parameter weight_;
  Parameter bias_;
};

}  // namespace gossamer::nn
#pragma GCC visibility pop
