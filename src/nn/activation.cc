#include "gossamer/nn/activation.h"

#include "gossamer/ops/activation.h"
#include "gossamer/ops/normalization.h"

namespace gossamer::nn {

Tensor Identity::forward(const Tensor& x) {
  check_not_moved_from();
  return x;
}

Tensor ReLU::forward(const Tensor& x) {
  check_not_moved_from();
  return relu(x);
}

Tensor Tanh::forward(const Tensor& x) {
  check_not_moved_from();
  return tanh(x);
}

Tensor Sigmoid::forward(const Tensor& x) {
  check_not_moved_from();
  return sigmoid(x);
}

Tensor SiLU::forward(const Tensor& x) {
  check_not_moved_from();
  return silu(x);
}

Tensor GELU::forward(const Tensor& x) {
  check_not_moved_from();
  return gelu(x, options_);
}

Tensor LeakyReLU::forward(const Tensor& x) {
  check_not_moved_from();
  return leaky_relu(x, options_);
}

Tensor Softplus::forward(const Tensor& x) {
  check_not_moved_from();
  return softplus(x, options_);
}

Tensor Softmax::forward(const Tensor& x) {
  check_not_moved_from();
  return softmax(x, options_.dim);
}

}  // namespace gossamer::nn
