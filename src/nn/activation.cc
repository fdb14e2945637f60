#include "gossamer/nn/activation.h"

#include "gossamer/ops/activation.h"
#include "gossamer/ops/normalization.h"

namespace gossamer::nn {

Tensor ReLU::forward(const Tensor& x) { return relu(x); }

Tensor Softmax::forward(const Tensor& x) { return softmax(x, options_.dim); }

}  // namespace gossamer::nn
