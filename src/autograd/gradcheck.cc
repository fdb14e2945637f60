#include "gossamer/gradcheck.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "gossamer/autograd.h"
#include "gossamer/random.h"
#include "runtime/check.h"

namespace gossamer {

namespace {

constexpr const char* kOp = "gradcheck";

using Function = std::function<Tensor(std::span<const Tensor>)>;

void check_f64(const Tensor& x, std::string_view what) {
  if (!x.defined() || x.dtype() != DType::f64) {
    fail<DTypeError>(
        kOp, fmt::format("{} must be f64", what),
        x.defined() ? fmt::format("{} {}", dtype_name(x.dtype()), x.shape().to_string()) : "an undefined tensor",
        x.defined() && !is_floating(x.dtype()) ? "fn captures what has no gradient" : "convert with .to(DType::f64)");
  }
}

// The gradients by backward(), zeros for inputs that the result does not depend on; and the cotangent used.
std::vector<Tensor> analytic_gradients(const Function& fn, std::vector<Tensor> inputs, uint64_t key,
                                       Tensor& cotangent) {
  for (Tensor& x : inputs) x = x.clone().set_requires_grad();
  const Tensor result = fn(inputs);
  check_f64(result, "the result");
  cotangent = Tensor::empty(result.shape(), DType::f64);
  fill_uniform(cotangent, key, -1, 1);
  if (result.requires_grad()) result.backward(cotangent);
  std::vector<Tensor> gradients;
  gradients.reserve(inputs.size());
  for (const Tensor& x : inputs) {
    gradients.push_back(x.grad().defined() ? x.grad() : Tensor::zeros(x.shape(), DType::f64));
  }
  return gradients;
}

double weighted_sum(const Tensor& x, const Tensor& weights) {
  if (x.shape() != weights.shape()) {
    fail<ShapeError>(kOp, "the result must always have one shape",
                     fmt::format("{} and {}", weights.shape().to_string(), x.shape().to_string()));
  }
  double sum = 0;
  for (int64_t i = 0; i < x.numel(); ++i) sum += x.data<double>()[i] * weights.data<double>()[i];
  return sum;
}

}  // namespace

GradCheckResult gradcheck(const Function& fn, std::vector<Tensor> inputs, const GradCheckOptions& options) {
  if (!fn) fail<ConfigError>(kOp, "the function must be callable", "an empty function");
  for (size_t i = 0; i < inputs.size(); ++i) check_f64(inputs[i], fmt::format("input {}", i));
  Tensor cotangent;
  const std::vector<Tensor> gradients = analytic_gradients(fn, inputs, options.key, cotangent);

  NoGrad no_grad;
  for (Tensor& x : inputs) x = x.clone();
  GradCheckResult result;
  double worst_excess = 0;
  for (size_t input = 0; input < inputs.size(); ++input) {
    for (int64_t i = 0; i < inputs[input].numel(); ++i) {
      double& element = inputs[input].mutable_data<double>()[i];
      const double before = element;
      element = before + options.step;
      const double above = weighted_sum(fn(inputs), cotangent);
      element = before - options.step;
      const double below = weighted_sum(fn(inputs), cotangent);
      element = before;
      const double numeric = (above - below) / (2 * options.step);
      const double analytic = gradients[input].data<double>()[i];
      double error = std::abs(analytic - numeric);
      // NaN would pass every comparison.
      if (std::isnan(error)) error = std::numeric_limits<double>::infinity();
      if (error > result.max_error) result.max_error = error;
      const double tolerance = options.atol + options.rtol * std::abs(numeric);
      if (error <= tolerance) continue;
      const double excess = std::isnan(tolerance) ? std::numeric_limits<double>::infinity() : error - tolerance;
      if (result.ok || excess > worst_excess) {
        worst_excess = excess;
        result.message =
            fmt::format("input {}, element {}: analytic {:.9g}, numeric {:.9g}", input, i, analytic, numeric);
      }
      result.ok = false;
    }
  }
  return result;
}

}  // namespace gossamer
