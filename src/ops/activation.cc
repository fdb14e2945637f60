// Activation functions.
#include "gossamer/ops/activation.h"

#include <vector>

#include "gossamer/autograd.h"
#include "ops/check.h"
#include "ops/elementwise.h"

namespace gossamer {

Tensor relu(const Tensor& x) {
  constexpr const char* kOp = "relu";
  // Saves the output, which a following layer saves as its input anyway; it is positive exactly where x is.
  struct ReluNode final : Node {
    SavedTensor y;
    explicit ReluNode(const Tensor& y_) : y(*this, y_) {}

    std::vector<Tensor> backward(const Tensor& grad) override {
      return {zip(kOp, kernels::Binary::ReluGrad, y.get(), grad)};
    }
  };

  check_floating(kOp, x);
  const Tensor y = map(kernels::Unary::Relu, x);
  return record<ReluNode>(kOp, y, {x}, y);
}

}  // namespace gossamer
