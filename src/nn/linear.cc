#include "gossamer/nn/linear.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "gossamer/csr_pattern.h"
#include "gossamer/functional.h"
#include "gossamer/sparse/init_method.h"
#include "runtime/check.h"
#include "runtime/log.h"
#include "tensor/dispatch.h"

namespace gossamer::nn {

namespace {

constexpr const char* kOp = "Linear";

void check(const LinearOptions& options) {
  if (options.in < 1 || options.out < 1) {
    fail<ConfigError>(kOp, "in and out must be at least 1", fmt::format("in {}, out {}", options.in, options.out));
  }
  if (const auto s = static_cast<float>(options.sparsity); !(s >= 0 && s < 1)) {
    fail<ConfigError>(kOp, "sparsity must be at least 0 and below 1", fmt::format("{}", options.sparsity));
  }
  if (!is_floating(options.dtype)) fail<DTypeError>(kOp, "dtype must be f32 or f64", dtype_name(options.dtype));
  if (options.in > std::numeric_limits<int64_t>::max() / options.out) {
    fail<ConfigError>(kOp, "in * out must fit 63 bits", fmt::format("in {}, out {}", options.in, options.out));
  }
}

Parameter uniform_dense(const Shape& shape, DType dtype, uint64_t key, double bound) {
  Tensor value = Tensor::empty(shape, dtype);
  fill_uniform(value, key, -bound, bound);
  return Parameter(value);
}

// The elements of uniform_dense at the positions of a random pattern.
Parameter uniform_csr(const LinearOptions& options, uint64_t key, uint64_t pattern_key, double bound) {
  const int64_t numel = options.in * options.out;
  const int64_t kept = sparse::num_kept(static_cast<float>(options.sparsity), numel);
  if (kept == 0) {
    rt::warn("Linear: sparsity {} leaves a {} x {} weight without a connection", options.sparsity, options.out,
             options.in);
  }
  const auto pattern =
      CsrPattern::from_positions(options.out, options.in, sample_without_replacement(pattern_key, numel, kept));
  Tensor values = Tensor::empty({kept}, options.dtype);
  dispatch_floating(options.dtype, kOp, [&]<class T>() {
    T* to = values.mutable_data<T>();
    pattern->for_each([&](const SlotPosition& p) {
      const auto element = static_cast<uint64_t>(p.row * options.in + p.col);
      to[p.slot] = static_cast<T>(random_uniform(key, element, -bound, bound));
    });
  });
  return Parameter::csr({options.out, options.in}, pattern, values);
}

}  // namespace

Linear::Linear(const LinearOptions& options, Generator& rng) {
  check(options);
  const uint64_t key = rng.next_key();
  const uint64_t weight_key = derive_key(key, "weight", 0);
  const double bound = 1 / std::sqrt(static_cast<double>(options.in));
  weight_ = static_cast<float>(options.sparsity) > 0
                ? uniform_csr(options, weight_key, derive_key(key, "pattern", 0), bound)
                : uniform_dense({options.out, options.in}, options.dtype, weight_key, bound);
  register_parameter("weight", weight_);
  if (!options.bias) return;
  bias_ = uniform_dense({options.out}, options.dtype, derive_key(key, "bias", 0), bound);
  register_parameter("bias", bias_);
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
  register_parameter("weight", weight_);
  if (bias_.defined()) register_parameter("bias", bias_);
}

Tensor Linear::forward(const Tensor& x) { return linear(x, weight_, bias_); }

std::unique_ptr<Module> Linear::clone() const {
  auto copy = std::make_unique<Linear>(weight_.clone(), bias_.defined() ? bias_.clone() : Parameter());
  copy->train(training());
  return copy;
}

}  // namespace gossamer::nn
