#include "gossamer/nn/activation.h"

#include "gossamer/ops/activation.h"
#include "gossamer/ops/normalization.h"

namespace gossamer::nn {

Tensor ReLU::forward(const Tensor& x) { return relu(x); }

Tensor Tanh::forward(const Tensor& x) { return tanh(x); }

Tensor Sigmoid::forward(const Tensor& x) { return sigmoid(x); }

Tensor SiLU::forward(const Tensor& x) { return silu(x); }

Tensor GELU::forward(const Tensor& x) { return gelu(x, options_); }

Tensor LeakyReLU::forward(const Tensor& x) { return leaky_relu(x, options_); }

Tensor Softplus::forward(const Tensor& x) { return softplus(x, options_); }

Tensor Softmax::forward(const Tensor& x) { return softmax(x, options_.dim); }

}  // namespace gossamer::nn
