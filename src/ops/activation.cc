// Activation functions.
#include "gossamer/ops/activation.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/ops/elementwise.h"
#include "gossamer/ops/math.h"
#include "ops/check.h"
#include "ops/elementwise.h"
#include "runtime/check.h"

namespace gossamer {

using kernels::Binary;
using kernels::Unary;

// Saves the output, which a following layer saves as its input anyway; it is positive exactly where x is.
Tensor relu(const Tensor& x) { return recorded_map("relu", x, Unary::Relu, Binary::ReluGrad, Keeps::Output); }

Tensor tanh(const Tensor& x) { return recorded_map("tanh", x, Unary::Tanh, Binary::TanhGrad, Keeps::Output); }

Tensor sigmoid(const Tensor& x) {
  return recorded_map("sigmoid", x, Unary::Sigmoid, Binary::SigmoidGrad, Keeps::Output);
}

Tensor silu(const Tensor& x) { return recorded_map("silu", x, Unary::Silu, Binary::SiluGrad, Keeps::Input); }

Tensor gelu(const Tensor& x, const GeluOptions& options) {
  if (options.approximate == GeluApproximation::Tanh) {
    return recorded_map("gelu", x, Unary::GeluTanh, Binary::GeluTanhGrad, Keeps::Input);
  }
  return recorded_map("gelu", x, Unary::Gelu, Binary::GeluGrad, Keeps::Input);
}

Tensor leaky_relu(const Tensor& x, const LeakyReluOptions& options) {
  constexpr const char* kOp = "leaky_relu";
  check_floating(kOp, x);
  if (!std::isfinite(options.negative_slope)) {
    fail<ConfigError>(kOp, "negative_slope must be finite", fmt::format("{}", options.negative_slope));
  }
  return recorded_zip_scalar(kOp, x, Binary::LeakyRelu, Binary::LeakyReluSlope, options.negative_slope);
}

Tensor elu(const Tensor& x, const EluOptions& options) {
  constexpr const char* kOp = "elu";
  check_floating(kOp, x);
  if (!std::isfinite(options.alpha)) fail<ConfigError>(kOp, "alpha must be finite", fmt::format("{}", options.alpha));
  return recorded_zip_scalar(kOp, x, Binary::Elu, Binary::EluSlope, options.alpha);
}

Tensor selu(const Tensor& x) {
  check_floating("selu", x);
  return mul_scalar(elu(x, {.alpha = 1.6732632423543772848}), 1.0507009873554804934);
}

Tensor hardsigmoid(const Tensor& x) {
  return recorded_map("hardsigmoid", x, Unary::Hardsigmoid, Binary::HardsigmoidGrad, Keeps::Input);
}

Tensor hardswish(const Tensor& x) {
  return recorded_map("hardswish", x, Unary::Hardswish, Binary::HardswishGrad, Keeps::Input);
}

Tensor softsign(const Tensor& x) {
  check_floating("softsign", x);
  return div(x, add_scalar(abs(x), 1));
}

Tensor softplus(const Tensor& x, const SoftplusOptions& options) {
  constexpr const char* kOp = "softplus";
  const auto scaled = [](const Tensor& t, double factor) {
    return factor == 1 ? t.detach() : zip_scalar(Binary::Mul, t, factor);
  };
  struct SoftplusNode final : Node {
    SavedTensor scaled_x;
    double threshold;
    SoftplusNode(const Tensor& scaled_x_, double threshold_) : scaled_x(*this, scaled_x_), threshold(threshold_) {}

    Gradients backward(const Tensor& grad) override {
      return {mul(grad, zip_scalar(Binary::SoftplusSlope, scaled_x.get(), threshold))};
    }
  };

  check_floating(kOp, x);
  if (!std::isfinite(options.beta) || options.beta == 0) {
    fail<ConfigError>(kOp, "beta must be finite and not 0", fmt::format("{}", options.beta));
  }
  const Tensor scaled_x = scaled(x, options.beta);
  const Tensor y = scaled(zip_scalar(Binary::Softplus, scaled_x, options.threshold), 1 / options.beta);
  return record<SoftplusNode>(kOp, y, {x}, scaled_x, options.threshold);
}

}  // namespace gossamer
