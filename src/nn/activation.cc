#include "gossamer/nn/activation.h"

#include "gossamer/ops.h"

namespace gossamer::nn {

Tensor ReLU::forward(const Tensor& x) { return relu(x); }

std::unique_ptr<Module> ReLU::clone() const {
  auto copy = std::make_unique<ReLU>();
  copy->train(training());
  return copy;
}

}  // namespace gossamer::nn
