// Variances, norms and the logarithm of a sum of exponentials, over any set of dimensions.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/ops/reduce.h"
#include "ops/check.h"
#include "ops/elementwise.h"
#include "ops/fold.h"
#include "runtime/check.h"

namespace gossamer {

using kernels::Binary;
using kernels::Unary;

namespace {

// The variance, and what its gradient needs; nothing is recorded.
struct Variance {
  Tensor mean;  // all dimensions kept, as in `value`
  Tensor value;
  double divisor;
  Shape shape;  // of the result
};

Variance variance(const char* op, const Tensor& x, const VarOptions& options) {
  check_floating(op, x);
  if (!std::isfinite(options.correction)) {
    fail<ConfigError>(op, "correction must be finite", fmt::format("{}", options.correction));
  }
  const Dims dims = checked_dims(op, x.shape(), options.dims);
  const auto count = static_cast<double>(nonzero_count(op, x.shape(), dims));
  const double divisor = std::max(0.0, count - options.correction);
  // An error of the mean enters with its square. What its rounding to f32 leaves is below the rounding of the elements.
  const Tensor total = fold(x, dims, folding::Sum{}, folding::Widened{});
  const Tensor mean = zip_scalar(Binary::Div, total, count).to(x.dtype());
  const Tensor squares = fold(zip(op, Binary::Sub, x, mean), dims, folding::Sum{}, folding::WideSquare{});
  return {mean, zip_scalar(Binary::Div, squares, divisor), divisor, reduced_shape(x.shape(), dims, options.keepdim)};
}

}  // namespace

Tensor var(const Tensor& x, const VarOptions& options) {
  constexpr const char* kOp = "var";
  struct VarNode final : Node {
    Input x{*this, {&x}};
    SavedTensor mean;
    double divisor;
    VarNode(const Tensor& mean_, double divisor_) : mean(*this, mean_), divisor(divisor_) {}

    Gradients backward(const Tensor& grad) override {
      const Tensor scaled = zip_scalar(Binary::Mul, grad.alias(mean.get().shape()), 2 / divisor);
      return {zip(kOp, Binary::Mul, zip(kOp, Binary::Sub, x.value(), mean.get()), scaled)};
    }
  };

  const Variance v = variance(kOp, x, options);
  return record<VarNode>(kOp, v.value.to(x.dtype()).alias(v.shape), {x}, v.mean, v.divisor);
}

Tensor stddev(const Tensor& x, const VarOptions& options) {
  constexpr const char* kOp = "stddev";
  struct StddevNode final : Node {
    Input x{*this, {&x}};
    SavedTensor mean, deviation;
    double divisor;
    StddevNode(const Tensor& mean_, const Tensor& deviation_, double divisor_)
        : mean(*this, mean_), deviation(*this, deviation_), divisor(divisor_) {}

    Gradients backward(const Tensor& grad) override {
      const Tensor scale = zip_scalar(Binary::Mul, deviation.get(), divisor);
      const Tensor scaled = zip(kOp, Binary::Div, grad.alias(mean.get().shape()), scale);
      const Tensor slope = zip(kOp, Binary::Where, deviation.get(), scaled);
      return {zip(kOp, Binary::Mul, zip(kOp, Binary::Sub, x.value(), mean.get()), slope)};
    }
  };

  const Variance v = variance(kOp, x, options);
  const Tensor deviation = map(Unary::Sqrt, v.value).to(x.dtype());
  return record<StddevNode>(kOp, deviation.alias(v.shape), {x}, v.mean, deviation, v.divisor);
}

Tensor norm(const Tensor& x, const NormOptions& options) {
  constexpr const char* kOp = "norm";
  struct Norm1Node final : Node {
    Input x{*this, {&x}};
    Shape kept;
    explicit Norm1Node(const Shape& kept_) : kept(kept_) {}

    Gradients backward(const Tensor& grad) override { return {zip(kOp, Binary::AbsGrad, x.value(), grad.alias(kept))}; }
  };
  struct Norm2Node final : Node {
    Input x{*this, {&x}};
    SavedTensor length;
    explicit Norm2Node(const Tensor& length_) : length(*this, length_) {}

    Gradients backward(const Tensor& grad) override {
      // Divided first: the quotient is at most 1.
      const Tensor direction = zip(kOp, Binary::Div, x.value(), length.get());
      const Tensor slope = zip(kOp, Binary::Where, length.get(), direction);
      return {zip(kOp, Binary::Mul, slope, grad.alias(length.get().shape()))};
    }
  };

  check_floating(kOp, x);
  if (options.p != 1 && options.p != 2) fail<ConfigError>(kOp, "p must be 1 or 2", fmt::format("{}", options.p));
  const Dims dims = checked_dims(kOp, x.shape(), options.dims);
  const Shape shape = reduced_shape(x.shape(), dims, options.keepdim);
  if (options.p == 1) {
    const Tensor length = fold(x, dims, folding::Sum{}, folding::Magnitude{});
    return record<Norm1Node>(kOp, length.alias(shape), {x}, length.shape());
  }
  const Tensor length = map(Unary::Sqrt, fold(x, dims, folding::Sum{}, folding::WideSquare{})).to(x.dtype());
  return record<Norm2Node>(kOp, length.alias(shape), {x}, length);
}

namespace {

// values, with 0 where they equal `unwanted`.
Tensor without(const char* op, const Tensor& values, double unwanted) {
  return zip(op, Binary::Where, zip_scalar(Binary::NotEqual, values, unwanted), values);
}

}  // namespace

Tensor logsumexp(const Tensor& x, const ReduceOptions& options) {
  constexpr const char* kOp = "logsumexp";
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  struct LogsumexpNode final : Node {
    Input x{*this, {&x}};
    SavedTensor shift, total;
    LogsumexpNode(const Tensor& shift_, const Tensor& total_) : shift(*this, shift_), total(*this, total_) {}

    // The softmax of x; selected away where all elements are -infinity and the total is 0.
    Gradients backward(const Tensor& grad) override {
      const Tensor powers = map(Unary::Exp, zip(kOp, Binary::Sub, x.value(), shift.get()));
      const Tensor scale = zip(kOp, Binary::Div, grad.alias(total.get().shape()), total.get());
      return {zip(kOp, Binary::Mul, powers, zip(kOp, Binary::Where, total.get(), scale))};
    }
  };

  check_floating(kOp, x);
  const Dims dims = checked_dims(kOp, x.shape(), options.dims);
  // The largest is subtracted, so that no exponential overflows; infinity minus itself would be NaN.
  const Tensor peak = fold(x, dims, folding::Max{});
  const Tensor shift = without(kOp, without(kOp, peak, kInfinity), -kInfinity);
  const Tensor total = fold(map(Unary::Exp, zip(kOp, Binary::Sub, x, shift)), dims, folding::Sum{});
  const Tensor y = zip(kOp, Binary::Add, map(Unary::Log, total), shift);
  return record<LogsumexpNode>(kOp, y.alias(reduced_shape(x.shape(), dims, options.keepdim)), {x}, shift, total);
}

}  // namespace gossamer
