// Mathematical functions, activations, extremes and comparisons: special values and errors. Values are compared with
// PyTorch's in test_torch_ops.cc, gradients with differences in test_gradients.cc.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <initializer_list>
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
  golden::expect_equal(clamp(of({-3, 5, 1.5F}), 1, 2), of({1, 2, 1.5F}));
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

TEST(Comparisons, TakeANumberOnEitherSideOfAnOperator) {
  const Tensor x = of({-1, 0.1F, 2, kInf, kNan});
  const auto expect = [](const Tensor& actual, const char* bits) {
    golden::expect_equal(actual, golden::mask_from_string(bits, {5}));
  };
  expect(eq(x, 0.1), "01000");  // rounded to float
  expect(ne(x, 2), "11011");
  expect(x < 2, "11000");
  expect(x <= 2, "11100");
  expect(x > 2, "00010");
  expect(x >= 2, "00110");
  expect(2 > x, "11000");
  expect(2 >= x, "11100");
  expect(2 < x, "00010");
  expect(2 <= x, "00110");
  expect(x < of({0, 0, 3, 0, 0}), "10100");
  expect(x <= x, "11110");
  expect(x > of({-2}), "11110");
  expect(x >= of({2}), "00110");
}

TEST(Comparisons, OfIntegersWithANumberAreExact) {
  const Tensor x = Tensor::from<int64_t>({INT64_MIN, -3, 0, (int64_t{1} << 53) + 1, INT64_MAX});
  const auto expect = [](const Tensor& actual, const char* bits) {
    golden::expect_equal(actual, golden::mask_from_string(bits, {5}));
  };
  expect(x > 0x1p53, "00011");  // as doubles both are equal
  expect(x < 0x1p63, "11111");  // INT64_MAX, too
  expect(eq(x, -0x1p63), "10000");
  expect(x > -2.5, "00111");
  expect(x >= -3.5, "01111");
  expect(eq(x, -2.5), "00000");
  expect(ne(x, kNan), "11111");
  expect(x < kNan, "00000");
  expect(x >= kNan, "00000");
  expect(x > -kInf, "11111");
  golden::expect_equal(Tensor::from({true, false}) > 0.5, Tensor::from({true, false}));
  golden::expect_equal(Tensor::from({3, 4}) <= 3.5, Tensor::from({true, false}));
  message_of<StateError>([] { gt(Tensor(), 1); });
}

TEST(Comparisons, FindNanAndInfinity) {
  const Tensor x = of({-1, kInf, -kInf, kNan, std::numeric_limits<float>::max()});
  golden::expect_equal(isnan(x), golden::mask_from_string("00010", {5}));
  golden::expect_equal(isfinite(x), golden::mask_from_string("10001", {5}));
  golden::expect_equal(isfinite(x.to(DType::f64)), golden::mask_from_string("10001", {5}));
  golden::expect_equal(isfinite(Tensor::from({1, 2})), Tensor::from({true, true}));
  golden::expect_equal(isnan(Tensor::from({1, 2})), Tensor::from({false, false}));
}

TEST(Equal, IsOfShapeDtypeAndElements) {
  const Tensor x = of({1, 0, 3});
  EXPECT_TRUE(equal(x, of({1, -0.F, 3})));
  EXPECT_FALSE(equal(x, of({1, 0, 4})));
  EXPECT_FALSE(equal(x, reshape(x, {3, 1})));
  EXPECT_FALSE(equal(x, x.to(DType::f64)));
  EXPECT_FALSE(equal(of({kNan}), of({kNan})));
  EXPECT_TRUE(equal(Tensor::zeros({0, 2}), Tensor::zeros({0, 2})));
  EXPECT_TRUE(equal(Tensor::from({true}), Tensor::from({true})));
  Tensor large = Tensor::ones({100001});
  EXPECT_TRUE(equal(large, Tensor::ones({100001})));
  large.alias({1}, 100000).fill(2);
  EXPECT_FALSE(equal(large, Tensor::ones({100001})));
  message_of<StateError>([&] { (void)equal(x, Tensor()); });
}

TEST(Allclose, AllowsAShareOfTheSecondAndAnAbsoluteRest) {
  const Tensor b = of({100, 0});
  EXPECT_TRUE(allclose(of({100.0005F, 0}), b));
  EXPECT_FALSE(allclose(of({100.01F, 0}), b));
  EXPECT_TRUE(allclose(of({100.01F, 0}), b, {.rtol = 1e-3}));
  EXPECT_FALSE(allclose(of({100, 1e-3F}), b, {.rtol = 1e-3}));
  EXPECT_TRUE(allclose(of({100, 1e-3F}), b, {.atol = 1e-2}));
  EXPECT_TRUE(allclose(of({2, 2}), Tensor::full({}, 2)));
  EXPECT_TRUE(allclose(of({kInf}), of({kInf})));
  EXPECT_FALSE(allclose(of({1}), of({kInf})));
  EXPECT_FALSE(allclose(of({-kInf}), of({kInf}), {.rtol = 1}));
  EXPECT_FALSE(allclose(of({kNan}), of({kNan})));
  EXPECT_TRUE(allclose(of({kNan}), of({kNan}), {.equal_nan = true}));
  EXPECT_FALSE(allclose(of({kNan}), of({1}), {.equal_nan = true}));
  EXPECT_TRUE(allclose(Tensor::from({10, 20}), Tensor::from({11, 20}), {.rtol = 0, .atol = 1}));
}

TEST(Allclose, RefusesNegativeTolerancesOtherDtypesAndShapes) {
  message_of<ConfigError>([] { (void)allclose(of({1}), of({1}), {.rtol = -1}); });
  message_of<ConfigError>([] { (void)allclose(of({1}), of({1}), {.atol = std::nan("")}); });
  message_of<DTypeError>([] { (void)allclose(of({1}), Tensor::from({1})); });
  message_of<ShapeError>([] { (void)allclose(of({1, 2}), of({1, 2, 3})); });
}

TEST(Rounding, IsOfTheScalarNamesakesAndHasNoSlope) {
  const Tensor x = of({-kInf, -2.5F, -0.5F, -0.F, 0.5F, 1.5F, 2.5F, 8388609, 3e9F, kNan});
  golden::expect_equal(floor(x), of({-kInf, -3, -1, -0.F, 0, 1, 2, 8388609, 3e9F, kNan}));
  golden::expect_equal(ceil(x), of({-kInf, -2, -0.F, -0.F, 1, 2, 3, 8388609, 3e9F, kNan}));
  golden::expect_equal(round(x), of({-kInf, -2, -0.F, -0.F, 0, 2, 2, 8388609, 3e9F, kNan}));
  golden::expect_equal(slope([](const Tensor& v) { return round(v); }, of({0.3F, 1})), of({0, 0}));
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

TEST(Where, TakesANumberOnEitherSide) {
  const Tensor mask = golden::mask_from_string("10", {2});
  Tensor x = of({1, 2}).set_requires_grad();
  golden::expect_equal(where(mask, x, 0.5).detach(), of({1, 0.5F}));
  golden::expect_equal(where(mask, 0, x).detach(), of({0, 2}));
  where(mask, x, 0).backward(of({3, kNan}));
  golden::expect_equal(x.grad(), of({3, 0}));
  golden::expect_equal(where(mask, Tensor::from({3, 4}), 2.9), Tensor::from({3, 2}));
  golden::expect_equal(where(x > 1, x, 0).detach(), of({0, 2}));
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
  using Binary = Tensor (*)(const Tensor&, const Tensor&);
  for (const Binary f : std::initializer_list<Binary>{pow, maximum, minimum, eq, ne, lt, le, gt, ge}) {
    message_of<DTypeError>([&] { f(Tensor::ones({2}), Tensor::ones({2}, DType::f64)); });
    message_of<StateError>([&] { f(Tensor::ones({2}), Tensor()); });
    message_of<ShapeError>([&] { f(Tensor::ones({2}), Tensor::ones({3})); });
  }
}

}  // namespace
}  // namespace gossamer::test_functions
