// Activation functions as modules.
#pragma once

#include <memory>

#include "gossamer/nn/module.h"

#pragma GCC visibility push(default)
namespace gossamer::nn {

// max(x, 0), any shape.
class ReLU final : public Module {
 public:
  Tensor forward(const Tensor& x) override;
  std::unique_ptr<Module> clone() const override;
};

}  // namespace gossamer::nn
#pragma GCC visibility pop
