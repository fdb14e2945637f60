// Arithmetic, relu and dropout: values, special values and errors. Gradients are checked in test_gradients.cc.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/ops.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/tensors.h"

namespace gossamer::test_elementwise {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

// The definition of broadcasting, one element at a time.
Tensor naive_sub(const Tensor& a, const Tensor& b) {
  const Shape shape = broadcast_shapes(a.shape(), b.shape(), "naive");
  Tensor out = Tensor::empty(shape, a.dtype());
  for (int64_t i = 0; i < shape.numel(); ++i) {
    int64_t rest = i;
    std::array<int64_t, 2> at{};
    std::array<int64_t, 2> stride{1, 1};
    for (int d = 1; d <= shape.rank(); ++d) {
      const int64_t index = rest % shape[shape.rank() - d];
      rest /= shape[shape.rank() - d];
      for (size_t k = 0; k < 2; ++k) {
        const Shape& s = k == 0 ? a.shape() : b.shape();
        if (d > s.rank()) continue;
        const int64_t size = s[s.rank() - d];
        at[k] += (size == 1 ? 0 : index) * stride[k];
        stride[k] *= size;
      }
    }
    out.mutable_data<double>()[i] = a.data<double>()[at[0]] - b.data<double>()[at[1]];
  }
  return out;
}

TEST(Elementwise, BroadcastsAnyPairOfShapesThatFit) {
  const std::vector<std::pair<Shape, Shape>> pairs{
      {{}, {}},
      {{3}, {}},
      {{}, {2, 3}},
      {{1}, {5}},
      {{2, 3}, {2, 3}},
      {{2, 3}, {3}},
      {{2, 3}, {2, 1}},
      {{3, 1}, {1, 4}},
      {{2, 1, 4}, {3, 1}},
      {{1, 3}, {3, 1}},
      {{2, 3, 4}, {1, 3, 1}},
      {{2, 3, 4}, {2, 1, 1}},
      {{2, 1, 3, 1}, {4, 1, 5}},
      {{1, 1}, {1}},
      {{3, 20000}, {20000}},
      {{40000, 1}, {1, 3}},
      {{2, 3, 1, 2, 1, 2}, {3, 4, 1, 2, 2}},
  };
  for (const auto& [a, b] : pairs) {
    SCOPED_TRACE(a.to_string() + " - " + b.to_string());
    const Tensor x = uniform(a, 1);
    const Tensor y = uniform(b, 2);
    golden::expect_equal(sub(x, y), naive_sub(x, y));
    golden::expect_equal(sub(y, x), naive_sub(y, x));
  }
}

TEST(Elementwise, EmptyShapesGiveEmptyResultsAndGradients) {
  Tensor x = uniform({0, 3}, 1).set_requires_grad();
  Tensor row = uniform({3}, 2).set_requires_grad();
  const Tensor y = mul(x, row);
  EXPECT_EQ(y.shape(), Shape({0, 3}));
  y.backward(Tensor::zeros({0, 3}, DType::f64));
  EXPECT_EQ(x.grad().shape(), Shape({0, 3}));
  golden::expect_equal(row.grad(), Tensor::zeros({3}, DType::f64));
}

TEST(Elementwise, OperatorsAreTheFunctions) {
  const Tensor a = uniform({4}, 1);
  const Tensor b = uniform({4}, 2);
  golden::expect_equal(a + b, add(a, b));
  golden::expect_equal(a - b, sub(a, b));
  golden::expect_equal(a * b, mul(a, b));
  golden::expect_equal(a / b, div(a, b));
  golden::expect_equal(-a, neg(a));
}

TEST(Elementwise, RefusesShapesThatDoNotBroadcastAndNamesBoth) {
  const std::string message = message_of<ShapeError>([] { mul(Tensor::ones({2, 3}), Tensor::ones({2})); });
  EXPECT_NE(message.find("mul: "), std::string::npos) << message;
  EXPECT_NE(message.find("[2, 3] and [2]"), std::string::npos) << message;
}

TEST(Elementwise, RefusesMixedDtypesAndNamesBoth) {
  const std::string message = message_of<DTypeError>([] { add(Tensor::ones({2}), Tensor::ones({3}, DType::f64)); });
  EXPECT_EQ(message, "add: operands must share a dtype; f32 [2] and f64 [3]; convert one with .to(dtype)");
}

TEST(Elementwise, RefusesIntegersAndUndefinedTensors) {
  const Tensor x = Tensor::ones({2});
  const Tensor labels = Tensor::zeros({2}, DType::i64);
  EXPECT_NE(message_of<DTypeError>([&] { add(x, labels); }).find("add: dtype must be f32 or f64; i64 [2]"),
            std::string::npos);
  EXPECT_NE(message_of<DTypeError>([&] { relu(labels); }).find("relu: "), std::string::npos);
  EXPECT_NE(message_of<StateError>([&] { div(x, Tensor()); }).find("div: "), std::string::npos);
  EXPECT_NE(message_of<StateError>([&] { neg(Tensor()); }).find("neg: "), std::string::npos);
  EXPECT_NE(message_of<StateError>([&] { mul_scalar(Tensor(), 2); }).find("mul_scalar: "), std::string::npos);
  EXPECT_NE(message_of<StateError>([&] { dropout(Tensor(), 0.5, 1); }).find("dropout: "), std::string::npos);
}

TEST(Elementwise, DivisionKeepsTheGradientOfTinyDivisorsFinite) {
  // b * b would be 0 in f32.
  Tensor a = Tensor::from<float>({1e-25F}, {1});
  Tensor b = Tensor::from<float>({1e-25F}, {1}).set_requires_grad();
  mul_scalar(div(a, b), 1e-10).backward();
  EXPECT_NEAR(b.grad().item<double>(), -1e15, 1e9);
}

TEST(Relu, KeepsPositivesAndNanAndClearsTheRest) {
  const Tensor y = relu(Tensor::from<float>({-1, -0.F, 0, 2, kInf, -kInf, kNan}, {7}));
  golden::expect_equal(y, Tensor::from<float>({0, 0, 0, 2, kInf, 0, kNan}, {7}));
  EXPECT_FALSE(std::signbit(y.data<float>()[1]));
}

TEST(Relu, SelectsTheGradientSoThatANanAtAMaskedPlaceDoesNotLeak) {
  Tensor x = Tensor::from<float>({-1, 0, 1, 2}, {4}).set_requires_grad();
  relu(x).backward(Tensor::from<float>({kNan, kInf, 3, kNan}, {4}));
  golden::expect_equal(x.grad(), Tensor::from<float>({0, 0, 3, kNan}, {4}));
}

TEST(Relu, WritesItsGradientOverOneThatNothingElseHolds) {
  const Tensor x = Tensor::from<float>({-1, 1}, {2}).set_requires_grad();
  const Tensor z = Tensor::from<float>({1, -1}, {2}).set_requires_grad();
  // Both take the same gradient, which is the caller's besides.
  const Tensor grad = Tensor::from<float>({3, 4}, {2});
  add(relu(x), relu(z)).backward(grad);
  golden::expect_equal(x.grad(), Tensor::from<float>({0, 4}, {2}));
  golden::expect_equal(z.grad(), Tensor::from<float>({3, 0}, {2}));
  golden::expect_equal(grad, Tensor::from<float>({3, 4}, {2}));
}

TEST(Softplus, IsTheInputAboveItsThresholdAndNeverOverflows) {
  const Tensor x = Tensor::from<float>({-kInf, -200, 0, 2, 200, kInf, kNan}, {7});
  const auto log2 = static_cast<float>(std::log(2.0));
  golden::expect_close(softplus(x), Tensor::from<float>({0, 0, log2, 2.1269280F, 200, kInf, kNan}, {7}));
  // Without a threshold that is met.
  golden::expect_close(softplus(x, {.threshold = 1e9}), softplus(x));
  golden::expect_close(softplus(x, {.beta = 2, .threshold = 3}),
                       Tensor::from<float>({0, 0, log2 / 2, 2, 200, kInf, kNan}, {7}));
}

TEST(Softplus, RefusesASharpnessThatGivesNoFunction) {
  for (const double beta : {0.0, std::nan(""), static_cast<double>(kInf)}) {
    message_of<ConfigError>([&] { softplus(Tensor::ones({1}), {.beta = beta}); });
  }
  message_of<DTypeError>([] { softplus(Tensor::ones({1}, DType::i32)); });
}

TEST(Relu, TreatsEveryElementOfALongTensorAlike) {
  Tensor x = uniform({100003}, 1, DType::f32).set_requires_grad();
  const Tensor y = relu(x);
  y.backward(Tensor::ones({100003}));
  for (int64_t i = 0; i < x.numel(); ++i) {
    const float v = x.data<float>()[i];
    ASSERT_EQ(y.data<float>()[i], v > 0 ? v : 0) << i;
    ASSERT_EQ(x.grad().data<float>()[i], v > 0 ? 1 : 0) << i;
  }
}

TEST(Dropout, DropsAboutTheShareAskedForAndScalesTheRest) {
  const int64_t n = 100000;
  const Tensor x = Tensor::ones({n});
  for (const double p : {0.1, 0.5, 0.9}) {
    const Tensor y = dropout(x, p, 3);
    int64_t dropped = 0;
    for (const float v : y.span<float>()) {
      if (v == 0) {
        ++dropped;
      } else {
        ASSERT_FLOAT_EQ(v, static_cast<float>(1 / (1 - p)));
      }
    }
    // Five standard deviations.
    EXPECT_NEAR(static_cast<double>(dropped), n * p, 5 * std::sqrt(n * p * (1 - p)));
  }
}

TEST(Dropout, KeepsAnElementAsAFunctionOfKeyAndIndexAlone) {
  const Tensor whole = dropout(Tensor::ones({50001}), 0.5, 8);
  const Tensor part = dropout(Tensor::ones({7, 11}), 0.5, 8);
  golden::expect_equal(part, whole.alias({7, 11}));
  EXPECT_NE(to_vector<float>(dropout(Tensor::ones({50001}), 0.5, 9)), to_vector<float>(whole));
}

TEST(Dropout, LetsTheGradientThroughWhereTheElementWasKept) {
  Tensor x = Tensor::ones({1001}).set_requires_grad();
  const Tensor y = dropout(x, 0.3, 5);
  y.backward(Tensor::ones({1001}));
  golden::expect_equal(x.grad(), y.detach());
}

TEST(Dropout, RefusesProbabilitiesOutsideTheHalfOpenInterval) {
  for (const double p : {-0.1, 1.0, 1.5, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_NE(message_of<ConfigError>([&] { dropout(Tensor::ones({2}), p, 1); }).find("0 <= p < 1"), std::string::npos);
  }
}

}  // namespace
}  // namespace gossamer::test_elementwise
