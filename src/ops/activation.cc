// Activation functions.
#include "gossamer/ops/activation.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/ops/elementwise.h"
#include "ops/check.h"
#include "ops/elementwise.h"
#include "runtime/check.h"

namespace gossamer {

Tensor relu(const Tensor& x) {
  constexpr const char* kOp = "relu";
  // Saves the output, which a following layer saves as its input anyway; it is positive exactly where x is.
  struct ReluNode final : Node {
    SavedTensor y;
    explicit ReluNode(const Tensor& y_) : y(*this, y_) {}

    std::vector<Tensor> backward(const Tensor& grad) override {
      return {zip_over(kOp, kernels::Binary::ReluGrad, y.get(), grad)};
    }
  };

  check_floating(kOp, x);
  const Tensor y = map(kernels::Unary::Relu, x);
  return record<ReluNode>(kOp, y, {x}, y);
}

Tensor softplus(const Tensor& x, const SoftplusOptions& options) {
  constexpr const char* kOp = "softplus";
  const auto scaled = [](const Tensor& t, double factor) {
    return factor == 1 ? t.detach() : zip_scalar(kernels::Binary::Mul, t, factor);
  };
  struct SoftplusNode final : Node {
    SavedTensor scaled_x;
    double threshold;
    SoftplusNode(const Tensor& scaled_x_, double threshold_) : scaled_x(*this, scaled_x_), threshold(threshold_) {}

    std::vector<Tensor> backward(const Tensor& grad) override {
      return {mul(grad, zip_scalar(kernels::Binary::SoftplusSlope, scaled_x.get(), threshold))};
    }
  };

  check_floating(kOp, x);
  if (!std::isfinite(options.beta) || options.beta == 0) {
    fail<ConfigError>(kOp, "beta must be finite and not 0", fmt::format("{}", options.beta));
  }
  const Tensor scaled_x = scaled(x, options.beta);
  const Tensor y = scaled(zip_scalar(kernels::Binary::Softplus, scaled_x, options.threshold), 1 / options.beta);
  return record<SoftplusNode>(kOp, y, {x}, scaled_x, options.threshold);
}

}  // namespace gossamer
