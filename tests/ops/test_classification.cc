// softmax, log_softmax and cross_entropy: extreme values, special targets and errors.
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

namespace gossamer::test_classification {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

TEST(Softmax, SumsToOneAlongEveryDimension) {
  const Tensor x = uniform({3, 4, 5}, 1, DType::f64, -30, 30);
  for (const int dim : {0, 1, 2, -1}) {
    const Tensor totals = sum(softmax(x, dim), {.dims = {dim}});
    golden::expect_close(totals, Tensor::ones(totals.shape(), DType::f64), 1e-13, 0);
    golden::expect_close(
        log_softmax(x, dim).alias({60}),
        [&] {
          Tensor y = softmax(x, dim).alias({60}).clone();
          for (double* v = y.mutable_data<double>(); v != y.data<double>() + 60; ++v) *v = std::log(*v);
          return y;
        }(),
        1e-12, 1e-12);
  }
}

TEST(Softmax, DoesNotOverflow) {
  golden::expect_close(softmax(Tensor::from<float>({1e30F, -1e30F, 1e30F}, {3})),
                       Tensor::from<float>({.5, 0, .5}, {3}));
  const float log_two = std::log(2.F);
  golden::expect_close(log_softmax(Tensor::from<float>({1e4F, 1e4F, -1e4F}, {3})),
                       Tensor::from<float>({-log_two, -log_two, -2e4F - log_two}, {3}));
}

TEST(Softmax, GivesMaskedLogitsNoProbabilityAndNoGradient) {
  Tensor x = Tensor::from<float>({0, -kInf, 0}, {3}).set_requires_grad();
  const Tensor y = softmax(x);
  golden::expect_equal(y.detach(), Tensor::from<float>({.5, 0, .5}, {3}));
  y.backward(Tensor::from<float>({1, 2, 3}, {3}));
  golden::expect_close(x.grad(), Tensor::from<float>({-.5, 0, .5}, {3}));
}

TEST(Softmax, SpreadsNanOverItsLineOnly) {
  for (const int64_t at : {0, 1, 2}) {
    Tensor x = Tensor::ones({2, 3});
    x.mutable_data<float>()[at] = kNan;
    for (const Tensor& y : {softmax(x), log_softmax(x)}) {
      for (int64_t i = 0; i < 6; ++i) EXPECT_EQ(std::isnan(y.data<float>()[i]), i < 3) << at;
    }
  }
}

// Few columns are turned into lines, many are walked side by side, in several blocks where they are very many.
TEST(Softmax, AlongAnyDimensionEqualsThatAlongTheLast) {
  for (const Shape& shape : {Shape{2, 5, 3}, Shape{3, 1, 40}, Shape{2, 300, 17}, Shape{2, 3, 1100}}) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      Tensor x = uniform(shape, 1, dtype, -30, 30).set_requires_grad();
      for (const auto f : {softmax, log_softmax}) {
        SCOPED_TRACE(shape.to_string());
        const Tensor grad = uniform(shape, 2, dtype);
        x.set_grad(Tensor());
        const Tensor y = f(x, 1);
        y.backward(grad);
        const Tensor dx = x.grad();
        x.set_grad(Tensor());
        const Tensor expected = transpose(f(transpose(x, 1, 2), -1), 1, 2);
        expected.backward(grad);
        const double tolerance = dtype == DType::f32 ? 4e-6 : 1e-13;
        golden::expect_close(y.detach(), expected.detach(), tolerance, tolerance);
        golden::expect_close(dx, x.grad(), tolerance, tolerance);
      }
    }
  }
}

TEST(Softmax, OfColumnsKeepsMaskedLogitsAndNanToThemselves) {
  Tensor x = Tensor::zeros({3, 20});
  x.mutable_data<float>()[5] = -kInf;
  x.mutable_data<float>()[27] = kNan;
  const Tensor y = softmax(x, 0);
  const Tensor log_y = log_softmax(x, 0);
  for (int64_t i = 0; i < 60; ++i) {
    if (i % 20 == 7) {
      EXPECT_TRUE(std::isnan(y.data<float>()[i]) && std::isnan(log_y.data<float>()[i])) << i;
    } else {
      const float expected = i % 20 == 5 ? (i == 5 ? 0 : 0.5F) : 1.F / 3;
      EXPECT_FLOAT_EQ(y.data<float>()[i], expected) << i;
      EXPECT_FLOAT_EQ(log_y.data<float>()[i], std::log(expected)) << i;
    }
  }
}

TEST(Softmax, RefusesScalarsIntegersAndWrongDimensions) {
  EXPECT_NE(message_of<ShapeError>([] { softmax(Tensor::zeros({})); }).find("softmax: "), std::string::npos);
  EXPECT_NE(message_of<ShapeError>([] { log_softmax(Tensor::zeros({2}), 1); }).find("log_softmax: "),
            std::string::npos);
  message_of<DTypeError>([] { softmax(Tensor::zeros({2}, DType::i64)); });
  EXPECT_EQ(softmax(Tensor::zeros({3, 0})).shape(), Shape({3, 0}));
}

Tensor labels(const std::vector<int64_t>& values) {
  return Tensor::from(values, {static_cast<int64_t>(values.size())});
}

TEST(CrossEntropy, IsTheNegativeLogSoftmaxAtTheTarget) {
  const Tensor x = uniform({300, 7}, 1, DType::f64, -5, 5);
  std::vector<int64_t> targets;
  for (int64_t i = 0; i < 300; ++i) targets.push_back(i * i % 7);
  const Tensor losses = cross_entropy(x, labels(targets), {.reduction = Reduction::None});
  const Tensor log_p = log_softmax(x);
  double total = 0;
  for (int64_t i = 0; i < 300; ++i) {
    const double expected = -log_p.data<double>()[i * 7 + targets[static_cast<size_t>(i)]];
    EXPECT_NEAR(losses.data<double>()[i], expected, 1e-12);
    total += expected;
  }
  EXPECT_NEAR(cross_entropy(x, labels(targets), {.reduction = Reduction::Sum}).item<double>(), total, 1e-9);
  EXPECT_NEAR(cross_entropy(x, labels(targets)).item<double>(), total / 300, 1e-12);
}

TEST(CrossEntropy, StaysExactForLargeLogits) {
  Tensor x = Tensor::from<float>({20000.5F, 20000, 0}, {1, 3}).set_requires_grad();
  const Tensor loss = cross_entropy(x, labels({1}));
  EXPECT_NEAR(loss.item<double>(), std::log1p(std::exp(0.5)), 1e-6);
  loss.backward();
  const float p = 1 / (1 + std::exp(-0.5F));
  golden::expect_close(x.grad(), Tensor::from<float>({p, -p, 0}, {1, 3}));
}

TEST(CrossEntropy, MaskedClassesCostNothingWithoutSmoothing) {
  Tensor x = Tensor::from<float>({0, -kInf, 0}, {1, 3}).set_requires_grad();
  const Tensor loss = cross_entropy(x, labels({2}));
  EXPECT_NEAR(loss.item<double>(), std::log(2.0), 1e-6);
  loss.backward();
  golden::expect_close(x.grad(), Tensor::from<float>({.5, 0, -.5}, {1, 3}));
}

TEST(CrossEntropy, IgnoredRowsCountForNothing) {
  Tensor x = Tensor::from<float>({1, 2, kNan, kInf, 0, 3}, {3, 2}).set_requires_grad();
  Tensor kept = Tensor::from<float>({1, 2, 0, 3}, {2, 2}).set_requires_grad();
  const Tensor loss = cross_entropy(x, labels({0, -100, 1}));
  const Tensor expected = cross_entropy(kept, labels({0, 1}));
  EXPECT_EQ(loss.item<float>(), expected.item<float>());
  loss.backward();
  expected.backward();
  golden::expect_equal(slice(x.grad(), 1, 2), Tensor::zeros({1, 2}));
  golden::expect_equal(slice(x.grad(), 0, 1), slice(kept.grad(), 0, 1));
  golden::expect_equal(slice(x.grad(), 2, 3), slice(kept.grad(), 1, 2));
  const Tensor losses = cross_entropy(x, labels({0, -100, 1}), {.reduction = Reduction::None});
  EXPECT_EQ(losses.data<float>()[1], 0);
}

TEST(CrossEntropy, MeanDividesByTheTargetsThatCountAlsoWithSmoothing) {
  const Tensor x = uniform({3, 4}, 1, DType::f64);
  const Tensor weight = Tensor::from<double>({1, 2, 0.5, 4}, {4});
  for (const Tensor& w : {Tensor(), weight}) {
    const auto loss = [&](Reduction reduction) {
      return cross_entropy(x, labels({3, 1, 2}),
                           {.reduction = reduction, .label_smoothing = 0.2, .ignore_index = 1, .weight = w});
    };
    const double divisor = w.defined() ? 4.5 : 2;
    EXPECT_NEAR(loss(Reduction::Mean).item<double>(), loss(Reduction::Sum).item<double>() / divisor, 1e-14);
  }
}

TEST(CrossEntropy, SmoothingMixesInTheMeanOverAllClasses) {
  const Tensor x = uniform({2, 5}, 1, DType::f64);
  const Tensor weight = uniform({5}, 2, DType::f64, 0.5, 2);
  const Tensor log_p = log_softmax(x);
  const Tensor losses =
      cross_entropy(x, labels({4, 0}), {.reduction = Reduction::None, .label_smoothing = 0.3, .weight = weight});
  for (int64_t row = 0; row < 2; ++row) {
    const int64_t target = row == 0 ? 4 : 0;
    const double* lp = log_p.data<double>() + row * 5;
    const double* w = weight.data<double>();
    double smooth = 0;
    for (int64_t c = 0; c < 5; ++c) smooth -= w[c] * lp[c];
    EXPECT_NEAR(losses.data<double>()[row], -0.7 * w[target] * lp[target] + 0.3 / 5 * smooth, 1e-13);
  }
}

TEST(CrossEntropy, MeanOverNoTargetIsNan) {
  EXPECT_TRUE(std::isnan(cross_entropy(Tensor::zeros({2, 3}), labels({-100, -100})).item<float>()));
  EXPECT_TRUE(std::isnan(cross_entropy(Tensor::zeros({0, 3}), labels({})).item<float>()));
  EXPECT_EQ(cross_entropy(Tensor::zeros({0, 3}), labels({}), {.reduction = Reduction::Sum}).item<float>(), 0);
}

TEST(CrossEntropy, NamesTheRowOfATargetOutOfRange) {
  const Tensor x = Tensor::zeros({3, 5});
  EXPECT_EQ(message_of<IndexError>([&] {
              cross_entropy(x, labels({0, 4, 5}));
            }),
            "cross_entropy: targets must be in [0, 5) or ignore_index -100; row 2 has 5");
  EXPECT_NE(message_of<IndexError>([&] {
              cross_entropy(x, labels({0, -1, 5}));
            }).find("row 1 has -1"),
            std::string::npos);
}

TEST(CrossEntropy, RefusesWhatDoesNotFit) {
  const Tensor x = Tensor::zeros({2, 3});
  const Tensor t = labels({0, 1});
  message_of<ShapeError>([&] { cross_entropy(Tensor::zeros({3}), t); });
  EXPECT_EQ(message_of<ShapeError>([&] { cross_entropy(x, labels({0})); }),
            "cross_entropy: targets must be [2] for [2, 3]; [1]");
  EXPECT_NE(message_of<ShapeError>([] {
              cross_entropy(Tensor::zeros({4, 2, 3}), Tensor::zeros({4, 2}, DType::i64));
            }).find("flatten(x, {.end_dim = 1})"),
            std::string::npos);
  message_of<DTypeError>([&] { cross_entropy(x, Tensor::zeros({2})); });
  message_of<DTypeError>([&] { cross_entropy(Tensor::zeros({2, 3}, DType::i64), t); });
  message_of<ShapeError>([&] { cross_entropy(x, t, {.weight = Tensor::ones({2})}); });
  message_of<DTypeError>([&] { cross_entropy(x, t, {.weight = Tensor::ones({3}, DType::f64)}); });
  for (const double weight : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    const Tensor weights = Tensor::from<double>({1, weight, 1}, {3}).to(x.dtype());
    EXPECT_EQ(message_of<ConfigError>([&] { cross_entropy(x, t, {.weight = weights}); }),
              "cross_entropy: weight must be finite; NaN or an infinity");
  }
  message_of<ConfigError>([&] { cross_entropy(x, t, {.label_smoothing = 1.5}); });
  message_of<ConfigError>([&] { cross_entropy(x, t, {.label_smoothing = std::nan("")}); });
  EXPECT_NE(message_of<StateError>([&] { cross_entropy(x, Tensor()); }).find("cross_entropy: "), std::string::npos);
}

TEST(CrossEntropy, SeesTargetsThatWereWrittenBeforeBackward) {
  Tensor x = Tensor::zeros({2, 3}).set_requires_grad();
  Tensor t = labels({0, 1});
  const Tensor loss = cross_entropy(x, t);
  t.fill(2);
  message_of<StateError>([&] { loss.backward(); });
  EXPECT_FALSE(x.grad().defined());
}

}  // namespace
}  // namespace gossamer::test_classification
