// Losses against scalar references in f64: values, reductions, weights, extremes.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "gossamer/ops.h"
#include "tests/support/golden.h"
#include "tests/support/tensors.h"

namespace gossamer::test_losses {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

struct ElementLoss {
  std::string name;
  std::function<Tensor(const Tensor& x, const Tensor& t, Reduction)> fn;
  std::function<double(double x, double t)> reference;
};

std::vector<ElementLoss> element_losses() {
  const auto log_p = [](double x) { return std::log(1 / (1 + std::exp(-x))); };
  const auto huber = [](double d, double delta) {
    const double size = std::abs(d);
    return size <= delta ? d * d / 2 : delta * (size - delta / 2);
  };
  return {
      {"mse", [](auto& x, auto& t, Reduction r) { return mse_loss(x, t, {.reduction = r}); },
       [](double x, double t) { return (x - t) * (x - t); }},
      {"l1", [](auto& x, auto& t, Reduction r) { return l1_loss(x, t, {.reduction = r}); },
       [](double x, double t) { return std::abs(x - t); }},
      {"huber", [](auto& x, auto& t, Reduction r) { return huber_loss(x, t, {.reduction = r, .delta = 0.3}); },
       [=](double x, double t) { return huber(x - t, 0.3); }},
      {"smooth_l1", [](auto& x, auto& t, Reduction r) { return smooth_l1_loss(x, t, {.reduction = r, .beta = 0.3}); },
       [=](double x, double t) { return huber(x - t, 0.3) / 0.3; }},
      {"bce", [](auto& x, auto& t, Reduction r) { return bce_loss(sigmoid(x), t, {.reduction = r}); },
       [=](double x, double t) { return -t * log_p(x) - (1 - t) * log_p(-x); }},
      {"bce_with_logits", [](auto& x, auto& t, Reduction r) { return bce_with_logits(x, t, {.reduction = r}); },
       [=](double x, double t) { return -t * log_p(x) - (1 - t) * log_p(-x); }},
      {"pos_weight",
       [](auto& x, auto& t, Reduction r) {
         return bce_with_logits(x, t, {.reduction = r, .pos_weight = Tensor::full({}, 3, x.dtype())});
       },
       [=](double x, double t) { return -3 * t * log_p(x) - (1 - t) * log_p(-x); }},
      {"kl_div", [](auto& x, auto& t, Reduction r) { return kl_div(x, t, {.reduction = r}); },
       [](double x, double t) { return t * (std::log(t) - x); }},
      {"kl_div_of_logs",
       [](auto& x, auto& t, Reduction r) { return kl_div(x, log(t), {.reduction = r, .log_target = true}); },
       [](double x, double t) { return t * (std::log(t) - x); }},
  };
}

TEST(Losses, AreTheirFormulaInEveryReduction) {
  for (const ElementLoss& loss : element_losses()) {
    for (const DType dtype : {DType::f64, DType::f32}) {
      SCOPED_TRACE(loss.name + " " + std::string(dtype_name(dtype)));
      // More than one run, and a part of one.
      const Tensor x = uniform({5, 1000}, 1, dtype, -3, 3);
      const Tensor t = uniform({5, 1000}, 2, dtype, 0.01, 1);
      const std::vector<double> xs = to_vector<double>(x.to(DType::f64));
      const std::vector<double> ts = to_vector<double>(t.to(DType::f64));
      const std::vector<double> each = to_vector<double>(loss.fn(x, t, Reduction::None).to(DType::f64));
      const double tolerance = dtype == DType::f64 ? 1e-12 : 4e-6;
      double sum = 0;
      for (size_t i = 0; i < each.size(); ++i) {
        const double expected = loss.reference(xs[i], ts[i]);
        ASSERT_NEAR(each[i], expected, tolerance * (1 + std::abs(expected))) << i;
        sum += expected;
      }
      EXPECT_NEAR(loss.fn(x, t, Reduction::Sum).item<double>(), sum, tolerance * (1 + std::abs(sum)));
      EXPECT_NEAR(loss.fn(x, t, Reduction::Mean).item<double>(), sum / 5000, tolerance);
    }
  }
}

TEST(Losses, AverageNothingToNan) {
  const Tensor nothing = Tensor::zeros({0, 3});
  for (const ElementLoss& loss : element_losses()) {
    EXPECT_TRUE(std::isnan(loss.fn(nothing, nothing, Reduction::Mean).item<double>())) << loss.name;
    EXPECT_EQ(loss.fn(nothing, nothing, Reduction::Sum).item<double>(), 0) << loss.name;
    EXPECT_EQ(loss.fn(nothing, nothing, Reduction::None).shape(), Shape({0, 3})) << loss.name;
  }
  const Tensor indices = Tensor::zeros({0}, DType::i64);
  EXPECT_TRUE(std::isnan(cross_entropy(nothing, indices).item<double>()));
  EXPECT_TRUE(std::isnan(cross_entropy(nothing, nothing).item<double>()));
  EXPECT_TRUE(std::isnan(nll_loss(nothing, indices).item<double>()));
}

TEST(Losses, PassNanOn) {
  const Tensor x = Tensor::full({3}, std::nan(""));
  const Tensor t = Tensor::full({3}, 0.5);
  for (const ElementLoss& loss : element_losses()) {
    EXPECT_TRUE(std::isnan(loss.fn(x, t, Reduction::Mean).item<double>())) << loss.name;
    EXPECT_TRUE(std::isnan(loss.fn(t, x, Reduction::Mean).item<double>())) << loss.name;
  }
}

TEST(Losses, KeepTheDigitsOfExtremeLogits) {
  const Tensor x = Tensor::from<float>({30, -30, 30, -30, 0}, {5});
  const Tensor t = Tensor::from<float>({1, 0, 0, 1, 1}, {5});
  const auto tail = static_cast<float>(std::log1p(std::exp(-30.0)));
  golden::expect_close(bce_with_logits(x, t, {.reduction = Reduction::None}),
                       Tensor::from<float>({tail, tail, 30, 30, std::log(2.F)}, {5}), 1e-6, 0);
}

TEST(Losses, LimitTheLogarithmsOfCertainty) {
  Tensor p = Tensor::from<double>({0, 1, 0, 1}, {4}).set_requires_grad();
  const Tensor t = Tensor::from<double>({1, 0, 0, 1}, {4});
  const Tensor loss = bce_loss(p, t, {.reduction = Reduction::None});
  golden::expect_close(loss.detach(), Tensor::from<double>({100, 100, 0, 0}, {4}));
  loss.backward(Tensor::ones({4}, DType::f64));
  golden::expect_close(p.grad(), Tensor::from<double>({-1e12, 1e12, 0, 0}, {4}));
  EXPECT_TRUE(std::isnan(bce_loss(Tensor::full({1}, 1.5), Tensor::ones({1})).item<double>()));
}

TEST(Losses, WeightElements) {
  const Tensor x = uniform({3, 4}, 1, DType::f64, -2, 2);
  const Tensor t = uniform({3, 4}, 2, DType::f64, 0, 1);
  const Tensor row = uniform({4}, 3, DType::f64, 0, 2);
  const Tensor column = uniform({3, 1}, 4, DType::f64, 0, 2);
  const Tensor plain = bce_with_logits(x, t, {.reduction = Reduction::None});
  for (const Tensor& w : {row, column}) {
    golden::expect_close(bce_with_logits(x, t, {.weight = w}), mean(plain * w), 1e-13, 0);
    golden::expect_close(bce_loss(sigmoid(x), t, {.reduction = Reduction::Sum, .weight = w}), sum(plain * w), 1e-12, 0);
  }
}

TEST(Losses, ATargetOfZeroCostsNothing) {
  const Tensor t = Tensor::from<double>({0, 1}, {2});
  const Tensor log_p = Tensor::from<double>({-kInf, 0}, {2});
  EXPECT_EQ(kl_div(log_p, t, {.reduction = Reduction::Sum}).item<double>(), 0);
  const Tensor log_t = Tensor::from<double>({-kInf, 0}, {2});
  EXPECT_EQ(kl_div(log_p, log_t, {.reduction = Reduction::Sum, .log_target = true}).item<double>(), 0);
  EXPECT_EQ(cross_entropy(log_p.alias({1, 2}), t.alias({1, 2})).item<double>(), 0);
}

// Class indices of positions as probabilities.
Tensor one_hot(const Tensor& x, const Tensor& targets) {
  Tensor hot = Tensor::zeros(x.shape(), x.dtype());
  const int64_t inner = targets.numel() / x.dim(0);
  for (int64_t i = 0; i < targets.numel(); ++i) {
    const int64_t c = targets.data<int64_t>()[i];
    hot.mutable_data<double>()[(i / inner * x.dim(1) + c) * inner + i % inner] = 1;
  }
  return hot;
}

TEST(CrossEntropyOfPositions, IsThatOfTheirRows) {
  const Tensor x = uniform({3, 5, 2, 4}, 1, DType::f64, -3, 3);
  Tensor t = Tensor::empty({3, 2, 4}, DType::i64);
  for (int64_t i = 0; i < 24; ++i) t.mutable_data<int64_t>()[i] = i * i % 5;
  // [n, c, positions] -> [n * positions, c]
  const Tensor rows = reshape(transpose(reshape(x, {3, 5, 8}), 1, 2), {24, 5});
  const Tensor weight = uniform({5}, 2, DType::f64, 0.5, 2);
  for (const Reduction r : {Reduction::Mean, Reduction::Sum, Reduction::None}) {
    const CrossEntropyOptions options{.reduction = r, .label_smoothing = 0.1, .ignore_index = 4, .weight = weight};
    const Tensor loss = cross_entropy(x, t, options);
    EXPECT_EQ(loss.shape(), r == Reduction::None ? t.shape() : Shape({}));
    golden::expect_close(loss.alias({loss.numel()}), cross_entropy(rows, t.alias({24}), options).alias({loss.numel()}),
                         1e-13, 0);
    const NllLossOptions nll{.reduction = r, .ignore_index = 4, .weight = weight};
    const Tensor log_p = log_softmax(x, 1);
    golden::expect_close(nll_loss(log_p, t, nll),
                         cross_entropy(x, t, {.reduction = r, .ignore_index = 4, .weight = weight}), 1e-12, 1e-13);
  }
}

TEST(CrossEntropyOfProbabilities, IsThatOfClassIndicesWhereTheyAreCertain) {
  const Tensor x = uniform({3, 5, 2}, 1, DType::f64, -3, 3);
  const Tensor t = Tensor::from<int64_t>({4, 0, 1, 1, 3, 2}, {3, 2});
  const Tensor weight = uniform({5}, 2, DType::f64, 0.5, 2);
  for (const double smoothing : {0.0, 0.3}) {
    for (const Reduction r : {Reduction::Sum, Reduction::None}) {
      const CrossEntropyOptions options{.reduction = r, .label_smoothing = smoothing, .weight = weight};
      golden::expect_close(cross_entropy(x, one_hot(x, t), options), cross_entropy(x, t, options), 1e-13, 0);
    }
    // Mean divides by the positions, not by their weights.
    const CrossEntropyOptions sum{.reduction = Reduction::Sum, .label_smoothing = smoothing, .weight = weight};
    const CrossEntropyOptions mean{.label_smoothing = smoothing, .weight = weight};
    EXPECT_NEAR(cross_entropy(x, one_hot(x, t), mean).item<double>(), cross_entropy(x, t, sum).item<double>() / 6,
                1e-13);
  }
}

TEST(Cosine, IsThatOfTheAngle) {
  const Tensor a = Tensor::from<double>({1, 0, 3, 4, 0, 0}, {3, 2});
  const Tensor b = Tensor::from<double>({2, 2, -3, -4, 1, 1}, {3, 2});
  golden::expect_close(cosine_similarity(a, b), Tensor::from<double>({std::sqrt(0.5), -1, 0}, {3}), 1e-15, 0);
  golden::expect_close(cosine_similarity(transpose(a, 0, 1), transpose(b, 0, 1), {.dim = 0}), cosine_similarity(a, b),
                       1e-15, 0);
  // eps stands in for norms below it.
  golden::expect_close(cosine_similarity(a, b, {.eps = 10}), Tensor::from<double>({0.02, -0.25, 0}, {3}), 1e-15, 0);
}

TEST(Cosine, EmbeddingLossPullsPairsTogetherAndApart) {
  const Tensor a = Tensor::from<double>({1, 0, 1, 0, 1, 0}, {3, 2});
  const Tensor b = Tensor::from<double>({3, 4, 3, 4, -1, 0}, {3, 2});
  const Tensor targets = Tensor::from<int64_t>({1, -1, -1}, {3});
  const auto loss = [&](Reduction r) { return cosine_embedding_loss(a, b, targets, {.reduction = r, .margin = 0.2}); };
  golden::expect_close(loss(Reduction::None), Tensor::from<double>({0.4, 0.4, 0}, {3}), 1e-15, 1e-15);
  EXPECT_NEAR(loss(Reduction::Mean).item<double>(), 0.8 / 3, 1e-15);
}

}  // namespace
}  // namespace gossamer::test_losses
