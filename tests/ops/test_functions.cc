// Mathematical functions, activations, extremes and comparisons: special values and errors. Values are compared with
// PyTorch's in test_torch_ops.cc, gradients with differences in test_gradients.cc.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/ops.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/tensors.h"

namespace gossamer::test_functions {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

Tensor of(const std::vector<float>& values) { return Tensor::from(values, {static_cast<int64_t>(values.size())}); }

// The gradient of f at x from a gradient of ones.
template <class F>
Tensor slope(const F& f, const Tensor& x) {
  Tensor leaf = x.clone().set_requires_grad();
  const Tensor y = f(leaf);
  y.backward(Tensor::ones(y.shape()));
  return leaf.grad();
}

TEST(Functions, GiveTheSpecialValuesOfTheirScalarNamesakes) {
  const Tensor x = of({-kInf, -1, -0.F, 0, 1, kInf, kNan});
  using Scalar = float (*)(float);
  const std::vector<std::pair<Tensor (*)(const Tensor&), Scalar>> pairs{
      {exp, std::exp},  {expm1, std::expm1}, {log, std::log}, {log1p, std::log1p}, {sqrt, std::sqrt},
      {abs, std::fabs}, {sin, std::sin},     {cos, std::cos}, {tanh, std::tanh},   {erf, std::erf}};
  for (const auto& [f, scalar] : pairs) {
    const Tensor y = f(x);
    for (int64_t i = 0; i < x.numel(); ++i) {
      const float expected = scalar(x.data<float>()[i]);
      const float actual = y.data<float>()[i];
      if (std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(actual)) << i;
      } else {
        EXPECT_FLOAT_EQ(actual, expected) << i;
        EXPECT_EQ(std::signbit(actual), std::signbit(expected)) << i;
      }
    }
  }
}

TEST(Functions, AreAppliedInDoubleToo) {
  const Tensor x = uniform({40}, 1, DType::f64, 0.1, 5);
  for (int64_t i = 0; i < x.numel(); ++i) {
    const double v = x.data<double>()[i];
    EXPECT_NEAR(log1p(x).data<double>()[i], std::log1p(v), 1e-15);
    EXPECT_NEAR(gelu(x).data<double>()[i], v * 0.5 * std::erfc(-v / std::sqrt(2.0)), 4e-15);
  }
}

TEST(Abs, HasNoSlopeAtZero) {
  golden::expect_equal(slope([](const Tensor& x) { return abs(x); }, of({-2, 0, 3})), of({-1, 0, 1}));
}

TEST(Gelu, KeepsItsTailInBothForms) {
  // x Phi(x), where 1 + erf is already 0.
  EXPECT_FLOAT_EQ(gelu(of({-6})).data<float>()[0], -5.9195266e-9F);
  EXPECT_LT(gelu(of({-6}), {.approximate = GeluApproximation::Tanh}).data<float>()[0], 0);
}

TEST(Erf, IsExactForSmallArguments) {
  const Tensor x = of({1e-30F, -1e-3F, 0.7499F, 0.75F, 4});
  for (int64_t i = 0; i < x.numel(); ++i) EXPECT_FLOAT_EQ(erf(x).data<float>()[i], std::erf(x.data<float>()[i])) << i;
}

TEST(Sign, KeepsZerosAndNan) { golden::expect_equal(sign(of({-3, -0.F, 0, kInf, kNan})), of({-1, -0.F, 0, 1, kNan})); }

TEST(Reciprocal, HasInfinitiesAtZeros) {
  golden::expect_equal(reciprocal(of({-4, -0.F, 0, kInf, kNan})), of({-0.25, -kInf, kInf, 0, kNan}));
}

TEST(Elu, GoesToMinusAlphaBelow) {
  const auto f = [](const Tensor& x) { return elu(x, {.alpha = 2}); };
  golden::expect_close(f(of({-kInf, -1, 0, 3, kNan})), of({-2, 2 * std::expm1(-1.F), 0, 3, kNan}));
  golden::expect_close(slope(f, of({-kInf, -1, 0, 3})), of({0, 2 * std::exp(-1.F), 2, 1}));
}

TEST(HardActivations, HaveTheSlopesOfTorchAtTheirCorners) {
  const auto gate = [](const Tensor& x) { return hardsigmoid(x); };
  const auto swish = [](const Tensor& x) { return hardswish(x); };
  const Tensor x = of({-4, -3, 0, 3, 4, kNan});
  golden::expect_close(gate(x), of({0, 0, 0.5, 1, 1, kNan}));
  golden::expect_close(slope(gate, of({-4, -3, 0, 3, 4})), of({0, 0, 1.F / 6, 0, 0}));
  golden::expect_close(swish(x), of({0, 0, 0, 3, 4, kNan}));
  golden::expect_close(slope(swish, of({-4, -3, 0, 3, 4})), of({0, -0.5, 0.5, 1.5, 1}));
}

TEST(LeakyRelu, TakesTheSlopeBelowZeroAndAtIt) {
  const auto f = [](const Tensor& x) { return leaky_relu(x, {.negative_slope = 0.5}); };
  golden::expect_equal(f(of({-2, 0, 3, kNan})), of({-1, 0, 3, kNan}));
  golden::expect_equal(slope(f, of({-2, 0, 3})), of({0.5, 0.5, 1}));
  message_of<ConfigError>([] { leaky_relu(Tensor::ones({1}), {.negative_slope = std::nan("")}); });
}

TEST(Pow, HasTheSpecialValuesAndZeroSlopesOfTorch) {
  golden::expect_close(pow(of({-2, 0, 0, 4, kInf}), of({3, 0, -1, 0.5, -1})), of({-8, 1, kInf, 2, 0}));
  // x^0 does not depend on x; 0^y does not depend on y >= 0.
  golden::expect_equal(slope([](const Tensor& x) { return pow(x, 0); }, of({0, 2, kInf})), of({0, 0, 0}));
  golden::expect_equal(slope([](const Tensor& y) { return pow(of({0, 0}), y); }, of({0, 2})), of({0, 0}));
}

TEST(Extremes, AreNanWhereOneOperandIs) {
  const Tensor a = of({1, kNan, 2, kInf});
  const Tensor b = of({kNan, 1, 3, -kInf});
  golden::expect_equal(maximum(a, b), of({kNan, kNan, 3, kInf}));
  golden::expect_equal(minimum(a, b), of({kNan, kNan, 2, -kInf}));
}

TEST(Extremes, ShareTheGradientAtTiesAndSelectItElsewhere) {
  for (const bool is_maximum : {true, false}) {
    Tensor a = of({1, 2, 3, kNan}).set_requires_grad();
    Tensor b = of({1, 3, 2, 1}).set_requires_grad();
    (is_maximum ? maximum(a, b) : minimum(a, b)).backward(of({4, is_maximum ? kNan : 5, is_maximum ? 5 : kNan, 6}));
    golden::expect_equal(a.grad(), is_maximum ? of({2, 0, 5, 6}) : of({2, 5, 0, 6}));
    golden::expect_equal(b.grad(), is_maximum ? of({2, kNan, 0, 6}) : of({2, 0, kNan, 6}));
  }
}

TEST(Clamp, MovesIntoTheBoundsAndSelectsTheGradientWithin) {
  const auto f = [](const Tensor& x) { return clamp(x, {.min = -1, .max = 2}); };
  golden::expect_equal(f(of({-3, -1, 0, 2, 5, kNan})), of({-1, -1, 0, 2, 2, kNan}));
  golden::expect_equal(slope(f, of({-3, -1, 0, 2, 5, kNan})), of({0, 1, 1, 1, 0, 0}));
  golden::expect_equal(clamp(of({-3, 5}), {.min = 1}), of({1, 5}));
  golden::expect_equal(clamp(of({-3, 5}), {.min = 3, .max = 2}), of({2, 2}));
  Tensor x = of({-3, 0}).set_requires_grad();
  f(x).backward(of({kNan, 1}));
  golden::expect_equal(x.grad(), of({0, 1}));
}

TEST(Clamp, RefusesNoBoundAndNan) {
  EXPECT_EQ(message_of<ConfigError>([] { clamp(Tensor::ones({1}), {}); }), "clamp: min or max must be set; neither");
  message_of<ConfigError>([] { clamp(Tensor::ones({1}), {.max = std::nan("")}); });
}

TEST(Comparisons, BroadcastAndGiveBooleans) {
  const Tensor a = reshape(of({1, 2, kNan}), {3, 1});
  const Tensor b = of({1, 2});
  const auto expect = [&](const Tensor& actual, const char* bits) {
    golden::expect_equal(actual, golden::mask_from_string(bits, {3, 2}));
  };
  expect(eq(a, b), "100100");
  expect(ne(a, b), "011011");
  expect(lt(a, b), "010000");
  expect(le(a, b), "110100");
  expect(gt(a, b), "001000");
  expect(ge(a, b), "101100");
}

TEST(Comparisons, TakeIntegersAndMasks) {
  const Tensor a = Tensor::from<int64_t>({1, INT64_MAX, -3}, {3, 1});
  const Tensor b = Tensor::from<int64_t>({1, INT64_MAX - 1}, {2});
  const auto expect = [](const Tensor& actual, const char* bits) {
    golden::expect_equal(actual, golden::mask_from_string(bits, {3, 2}));
  };
  expect(eq(a, b), "100000");
  expect(gt(a, b), "001100");
  expect(le(a, b), "110011");
  expect(lt(a.to(DType::i32), Tensor::from<int32_t>({0, 7}, {2})), "010011");
  const Tensor mask = Tensor::from<bool>({true, false}, {2});
  golden::expect_equal(ne(mask, Tensor::from<bool>({true}, {1})), Tensor::from<bool>({false, true}, {2}));
  golden::expect_equal(maximum(a, b),
                       Tensor::from<int64_t>({1, INT64_MAX - 1, INT64_MAX, INT64_MAX, 1, INT64_MAX - 1}, {3, 2}));
  golden::expect_equal(minimum(a, b), Tensor::from<int64_t>({1, 1, 1, INT64_MAX - 1, -3, -3}, {3, 2}));
}

TEST(Logic, BroadcastsMasks) {
  const Tensor a = golden::mask_from_string("01", {2, 1});
  const Tensor b = golden::mask_from_string("01", {2});
  const auto expect = [](const Tensor& actual, const char* bits) {
    golden::expect_equal(actual, golden::mask_from_string(bits, {2, 2}));
  };
  expect(logical_and(a, b), "0001");
  expect(logical_or(a, b), "0111");
  expect(logical_xor(a, b), "0110");
  golden::expect_equal(logical_not(b), golden::mask_from_string("10", {2}));
}

TEST(Where, TakesAnyDtype) {
  const Tensor mask = golden::mask_from_string("10", {2});
  const Tensor y = where(mask, Tensor::from<int64_t>({INT64_MAX, 1}, {2}), Tensor::from<int64_t>({5}, {1}));
  golden::expect_equal(y, Tensor::from<int64_t>({INT64_MAX, 5}, {2}));
  golden::expect_equal(where(mask, mask, logical_not(mask)), golden::mask_from_string("11", {2}));
  golden::expect_equal(masked_fill(Tensor::from<int32_t>({3, 4}, {2}), mask, -2.7),
                       Tensor::from<int32_t>({-2, 4}, {2}));
}

TEST(Where, BroadcastsAllThreeAndSelectsGradients) {
  const Tensor mask = golden::mask_from_string("101", {3, 1});
  Tensor a = of({1, -0.F}).set_requires_grad();
  Tensor b = Tensor::from<float>({7}, {}).set_requires_grad();
  const Tensor y = where(mask, a, b);
  golden::expect_equal(y, Tensor::from<float>({1, -0.F, 7, 7, 1, -0.F}, {3, 2}));
  y.backward(Tensor::from<float>({1, 2, 10, 20, 4, kNan}, {3, 2}));
  golden::expect_equal(a.grad(), of({5, kNan}));
  golden::expect_equal(b.grad(), Tensor::from<float>({30}, {}));
}

TEST(Where, RefusesMasksOfNumbers) {
  const Tensor x = Tensor::ones({2});
  EXPECT_NE(message_of<DTypeError>([&] { where(x, x, x); }).find("where: the mask must be bool; f32 [2]"),
            std::string::npos);
}

TEST(Functions, RefuseIntegersUndefinedTensorsAndShapesThatDoNotFit) {
  const Tensor labels = Tensor::zeros({2}, DType::i64);
  for (Tensor (*f)(const Tensor&) : {exp, expm1, log, log1p, sqrt, rsqrt, abs, sin, cos, tanh, sigmoid, silu}) {
    message_of<DTypeError>([&] { f(labels); });
    message_of<StateError>([&] { f(Tensor()); });
  }
  message_of<DTypeError>([&] { gelu(labels); });
  message_of<DTypeError>([&] { leaky_relu(labels); });
  message_of<DTypeError>([&] { clamp(labels, {.min = 0}); });
  message_of<DTypeError>([&] { pow(labels, 2); });
  message_of<DTypeError>([&] { pow(labels, labels); });
  Tensor (*const pow_tensor)(const Tensor&, const Tensor&) = pow;
  for (Tensor (*f)(const Tensor&, const Tensor&) : {pow_tensor, maximum, minimum, eq, ne, lt, le, gt, ge}) {
    message_of<DTypeError>([&] { f(Tensor::ones({2}), Tensor::ones({2}, DType::f64)); });
    message_of<StateError>([&] { f(Tensor::ones({2}), Tensor()); });
    message_of<ShapeError>([&] { f(Tensor::ones({2}), Tensor::ones({3})); });
  }
}

}  // namespace
}  // namespace gossamer::test_functions
