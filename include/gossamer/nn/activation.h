// Activation functions as modules.
#pragma once

#include "gossamer/nn/cloneable.h"
#include "gossamer/ops/activation.h"

#pragma GCC visibility push(default)
namespace gossamer::nn {

// x itself: takes the place of a layer that is left out.
class Identity final : public Cloneable<Identity> {
 public:
  Tensor forward(const Tensor& x) override { return x; }
};

// max(x, 0), any shape.
class ReLU final : public Cloneable<ReLU> {
 public:
  Tensor forward(const Tensor& x) override;
};

// tanh(x), any shape.
class Tanh final : public Cloneable<Tanh> {
 public:
  Tensor forward(const Tensor& x) override;
};

// 1 / (1 + exp(-x)), any shape.
class Sigmoid final : public Cloneable<Sigmoid> {
 public:
  Tensor forward(const Tensor& x) override;
};

// x / (1 + exp(-x)), any shape.
class SiLU final : public Cloneable<SiLU> {
 public:
  Tensor forward(const Tensor& x) override;
};

// gelu() of ops/activation.h, any shape.
class GELU final : public Cloneable<GELU> {
 public:
  explicit GELU(const GeluOptions& options = {}) : options_(options) {}

  const GeluOptions& options() const { return options_; }
  Tensor forward(const Tensor& x) override;

 private:
  GeluOptions options_;
};

// leaky_relu() of ops/activation.h, any shape.
class LeakyReLU final : public Cloneable<LeakyReLU> {
 public:
  explicit LeakyReLU(const LeakyReluOptions& options = {}) : options_(options) {}

  const LeakyReluOptions& options() const { return options_; }
  Tensor forward(const Tensor& x) override;

 private:
  LeakyReluOptions options_;
};

// softplus() of ops/activation.h, any shape.
class Softplus final : public Cloneable<Softplus> {
 public:
  explicit Softplus(const SoftplusOptions& options = {}) : options_(options) {}

  const SoftplusOptions& options() const { return options_; }
  Tensor forward(const Tensor& x) override;

 private:
  SoftplusOptions options_;
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
