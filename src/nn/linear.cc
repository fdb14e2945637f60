#include "gossamer/nn/linear.h"

#include <fmt/format.h>

#include <cmath>

#include "gossamer/functional.h"
#include "gossamer/nn/init.h"
#include "nn/sparse_options.h"
#include "runtime/check.h"

namespace gossamer::nn {

namespace {

constexpr const char* kOp = "Linear";

}  // namespace

Linear::Linear(const LinearOptions& options, Generator& rng) : options_(options) {
  check_matrix(kOp, "in", options.in, "out", options.out, options.sparsity, options.dtype);
  Generator after = rng;
  const uint64_t key = after.next_key();
  const double bound = 1 / std::sqrt(static_cast<double>(options.in));
  weight_ =
      init::make_parameter({.shape = {options.out, options.in}, .dtype = options.dtype, .sparsity = options.sparsity},
                           derive_key(key, "pattern", 0));
  init::uniform(weight_, derive_key(key, "weight", 0), {.low = -bound, .high = bound});
  register_parameter("weight", weight_);
  if (options.bias) {
    bias_ = init::make_parameter({.shape = {options.out}, .dtype = options.dtype}, 0);
    init::uniform(bias_, derive_key(key, "bias", 0), {.low = -bound, .high = bound});
    register_parameter("bias", bias_);
  }
  rng = after;
}

Linear::Linear(const Parameter& weight, const Parameter& bias) : weight_(weight), bias_(bias) {
  if (!weight.defined() || weight.shape().rank() != 2) {
    fail<ShapeError>(kOp, "the weight must be [out, in]", weight.defined() ? weight.shape().to_string() : "undefined");
  }
  if (bias.defined() && bias.shape() != Shape({weight.shape()[0]})) {
    fail<ShapeError>(kOp, fmt::format("the bias must be [{}]", weight.shape()[0]), bias.shape().to_string());
  }
  if (bias.defined() && bias.dtype() != weight.dtype()) {
    fail<DTypeError>(kOp, "weight and bias must share a dtype",
                     fmt::format("{} and {}", dtype_name(weight.dtype()), dtype_name(bias.dtype())));
  }
  options_ = {.in = weight.shape()[1],
              .out = weight.shape()[0],
              .bias = bias.defined(),
              .sparsity = sparsity_option(weight),
              .dtype = weight.dtype()};
  register_parameter("weight", weight_);
  if (bias_.defined()) register_parameter("bias", bias_);
}

Tensor Linear::forward(const Tensor& x) { return linear(x, weight_, bias_); }

}  // namespace gossamer::nn
