// Mathematical functions.
#include "gossamer/ops/math.h"

#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/ops/elementwise.h"
#include "ops/check.h"
#include "ops/elementwise.h"
#include "ops/reduce.h"

namespace gossamer {

using kernels::Binary;
using kernels::Unary;

Tensor exp(const Tensor& x) { return recorded_map("exp", x, Unary::Exp, Binary::Mul, Keeps::Output); }

Tensor expm1(const Tensor& x) { return recorded_map("expm1", x, Unary::Expm1, Binary::Expm1Grad, Keeps::Output); }

Tensor log(const Tensor& x) { return recorded_map("log", x, Unary::Log, Binary::LogGrad, Keeps::Input); }

Tensor log1p(const Tensor& x) { return recorded_map("log1p", x, Unary::Log1p, Binary::Log1pGrad, Keeps::Input); }

Tensor sqrt(const Tensor& x) { return recorded_map("sqrt", x, Unary::Sqrt, Binary::SqrtGrad, Keeps::Output); }

Tensor rsqrt(const Tensor& x) { return recorded_map("rsqrt", x, Unary::Rsqrt, Binary::RsqrtGrad, Keeps::Output); }

Tensor reciprocal(const Tensor& x) {
  return recorded_map("reciprocal", x, Unary::Reciprocal, Binary::ReciprocalGrad, Keeps::Output);
}

Tensor erf(const Tensor& x) { return recorded_map("erf", x, Unary::Erf, Binary::ErfGrad, Keeps::Input); }

namespace {

// A function that is constant but at its steps.
Tensor recorded_steps(const char* op, const Tensor& x, Unary function) {
  struct StepsNode final : Node {
    Gradients backward(const Tensor& grad) override { return {Tensor::zeros(grad.shape(), grad.dtype())}; }
  };

  check_floating(op, x);
  return record<StepsNode>(op, map(function, x), {x});
}

}  // namespace

Tensor sign(const Tensor& x) { return recorded_steps("sign", x, Unary::Sign); }
Tensor floor(const Tensor& x) { return recorded_steps("floor", x, Unary::Floor); }
Tensor ceil(const Tensor& x) { return recorded_steps("ceil", x, Unary::Ceil); }
Tensor round(const Tensor& x) { return recorded_steps("round", x, Unary::Round); }

Tensor abs(const Tensor& x) { return recorded_map("abs", x, Unary::Abs, Binary::AbsGrad, Keeps::Input); }

Tensor sin(const Tensor& x) { return recorded_map("sin", x, Unary::Sin, Binary::SinGrad, Keeps::Input); }

Tensor cos(const Tensor& x) { return recorded_map("cos", x, Unary::Cos, Binary::CosGrad, Keeps::Input); }

Tensor pow(const Tensor& x, double exponent) {
  constexpr const char* kOp = "pow";
  check_floating(kOp, x);
  return recorded_zip_scalar(kOp, x, Binary::Pow, Binary::PowSlope, exponent);
}

Tensor pow(const Tensor& x, const Tensor& exponent) {
  constexpr const char* kOp = "pow";
  struct PowNode final : Node {
    Input x{*this, {&x, &exponent}}, exponent{*this, {&x, &exponent}};

    Gradients backward(const Tensor& grad) override {
      const auto times_grad = [&](Binary slope) { return mul(grad, zip(kOp, slope, x.value(), exponent.value())); };
      return {x.gradient([&] { return sum_to(times_grad(Binary::PowSlope), x.shape()); }),
              exponent.gradient([&] { return sum_to(times_grad(Binary::PowExponentSlope), exponent.shape()); })};
    }
  };

  check_same_floating(kOp, x, exponent);
  return record<PowNode>(kOp, zip(kOp, Binary::Pow, x, exponent), {x, exponent});
}

}  // namespace gossamer
