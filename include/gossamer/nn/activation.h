// Activation functions as modules.
#pragma once

#include "gossamer/nn/cloneable.h"

#pragma GCC visibility push(default)
namespace gossamer::nn {

// max(x, 0), any shape.
class ReLU final : public Cloneable<ReLU> {
 public:
  Tensor forward(const Tensor& x) override;
};

struct SoftmaxOptions {
  int dim = -1;  // the dimension that sums to 1; negative counts from the end
};

// exp(x) / sum(exp(x)) along one dimension, any shape of rank 1 or more (ShapeError). cross_entropy takes the logits
// themselves; this is for serving.
class Softmax final : public Cloneable<Softmax> {
 public:
  explicit Softmax(const SoftmaxOptions& options = {}) : options_(options) {}

  const SoftmaxOptions& options() const { return options_; }
  Tensor forward(const Tensor& x) override;

 private:
  SoftmaxOptions options_;
};

}  // namespace gossamer::nn
#pragma GCC visibility pop
