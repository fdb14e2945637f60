// Activation functions.
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/ops.h"
#include "ops/broadcast.h"
#include "ops/check.h"

namespace gossamer {

Tensor relu(const Tensor& x) {
  // Saves the output, which a following layer saves as its input anyway; it is positive exactly where x is.
  struct ReluNode final : Node {
    SavedTensor y;
    explicit ReluNode(const Tensor& y_) : y(*this, y_) {}

    std::vector<Tensor> backward(const Tensor& grad) override {
      return {zip("relu", y.get(), grad, [](auto v, auto g) { return v > 0 ? g : decltype(g)(0); })};
    }
  };

  check_floating("relu", x);
  // Written so that NaN, which compares false, is kept.
  const Tensor y = map("relu", x, [](auto v) { return v <= 0 ? decltype(v)(0) : v; });
  return record<ReluNode>("relu", y, {x}, y);
}

}  // namespace gossamer
