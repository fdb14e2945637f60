// Metrics against plain counts, over batches, and what they refuse.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/metrics.h"
#include "gossamer/ops/reduce.h"
#include "gossamer/ops/shape.h"
#include "gossamer/random.h"
#include "tests/data/support.h"

namespace gossamer::data::test_metrics {
namespace {

using metrics::Accuracy;
using metrics::ConfusionMatrix;
using metrics::Mean;
using metrics::Perplexity;

Tensor labels(std::initializer_list<int64_t> values) {
  return Tensor::from<int64_t>(values, {std::ssize(std::vector(values))});
}

// Coarse numbers, so that ties come.
Tensor random_logits(const Shape& shape, uint64_t key, DType dtype = DType::f32) {
  Tensor x = Tensor::empty(shape);
  for (int64_t i = 0; i < x.numel(); ++i) {
    x.mutable_data<float>()[i] = static_cast<float>(random_bits(key, static_cast<uint64_t>(i)) % 5);
  }
  return x.to(dtype);
}

Tensor random_targets(const Shape& shape, uint64_t key, int64_t classes) {
  Tensor t = Tensor::empty(shape, DType::i64);
  for (int64_t i = 0; i < t.numel(); ++i) {
    t.mutable_data<int64_t>()[i] =
        static_cast<int64_t>(random_bits(key, static_cast<uint64_t>(i)) % static_cast<uint64_t>(classes));
  }
  return t;
}

TEST(Accuracy, CountsTargetsAmongTheLargestLogits) {
  // By sorting: descending, ties by the lower class.
  constexpr int64_t kClasses = 7;
  for (const int64_t k : {1, 2, 3, 7, 20}) {
    Accuracy accuracy({.top_k = k});
    int64_t right = 0;
    for (uint64_t batch = 0; batch < 4; ++batch) {
      const int64_t n = 10 + static_cast<int64_t>(batch);
      const Tensor x = random_logits({n, kClasses}, batch);
      const Tensor t = random_targets({n}, 100 + batch, kClasses);
      accuracy.add(batch % 2 == 0 ? x : x.to(DType::f64), t);
      for (int64_t i = 0; i < n; ++i) {
        const float* row = x.data<float>() + i * kClasses;
        std::vector<int64_t> order(kClasses);
        std::iota(order.begin(), order.end(), int64_t{0});
        std::ranges::stable_sort(order, [&](int64_t a, int64_t b) { return row[a] > row[b]; });
        right += std::find(order.begin(), order.begin() + std::min(k, kClasses), t.data<int64_t>()[i]) !=
                         order.begin() + std::min(k, kClasses)
                     ? 1
                     : 0;
      }
    }
    EXPECT_EQ(accuracy.correct(), right) << k;
    EXPECT_EQ(accuracy.count(), 46);
    EXPECT_EQ(accuracy.value(), static_cast<double>(right) / 46);
    accuracy.reset();
    EXPECT_EQ(accuracy.count(), 0);
    EXPECT_TRUE(std::isnan(accuracy.value()));
  }
}

TEST(Accuracy, AgreesWithArgmaxOverNaN) {
  const float nan = std::nanf("");
  const Tensor x = Tensor::from<float>({1, nan, 2, nan, 5, 3, nan, nan, nan}, {3, 3});
  Accuracy right;
  right.add(x, argmax(x));
  EXPECT_EQ(right.correct(), 3);
  Accuracy wrong;
  wrong.add(x, labels({2, 1, 1}));
  EXPECT_EQ(wrong.correct(), 0);
}

TEST(Accuracy, TakesTokensAndPassesOverIgnoredOnes) {
  // [2, 3, 2]: the predictions are 2, 0 / 1, 1.
  const Tensor x = Tensor::from<float>({0, 9, 1, 2, 5, 3, 0, 0, 4, 4, 1, 1}, {2, 3, 2});
  Accuracy accuracy({.ignore_index = -1});
  accuracy.add(x, Tensor::from<int64_t>({2, 0, -1, 0}, {2, 2}));
  EXPECT_EQ(accuracy.correct(), 2);
  EXPECT_EQ(accuracy.count(), 3);
}

TEST(Mean, WeighsNumbersByTheirCounts) {
  Mean mean;
  EXPECT_TRUE(std::isnan(mean.value()));
  mean.add(1, 3);
  mean.add(Tensor::full({}, 5));
  mean.add(std::nan(""), 0);
  EXPECT_EQ(mean.value(), 2);
  EXPECT_EQ(mean.count(), 4);
  EXPECT_THROW(mean.add(1, -1), ConfigError);
  EXPECT_THROW(mean.add(Tensor::zeros({2})), ShapeError);
  EXPECT_EQ(mean.value(), 2);
  mean.reset();
  mean.add(7);
  EXPECT_EQ(mean.value(), 7);
}

TEST(Perplexity, IsTheNumberOfChoicesBetweenWhichAModelIsUndecided) {
  Perplexity perplexity;
  EXPECT_TRUE(std::isnan(perplexity.value()));
  perplexity.add(Tensor::zeros({6, 8}), random_targets({6}, 1, 8));
  EXPECT_NEAR(perplexity.value(), 8, 1e-5);
  perplexity.add_loss(Tensor::full({}, std::log(2)), 3);
  EXPECT_NEAR(perplexity.value(), std::exp((6 * std::log(8) + 3 * std::log(2)) / 9), 1e-5);
  EXPECT_EQ(perplexity.count(), 9);
}

TEST(Perplexity, IsExpOfTheMeanNegativeLogProbabilityOfTargets) {
  const Tensor x = random_logits({20, 6}, 3, DType::f64);
  Tensor t = random_targets({20}, 4, 6);
  t.mutable_data<int64_t>()[7] = -100;
  double sum = 0;
  for (int64_t i = 0; i < 20; ++i) {
    if (i == 7) continue;
    const double* row = x.data<double>() + i * 6;
    double norm = 0;
    for (int64_t c = 0; c < 6; ++c) norm += std::exp(row[c]);
    sum -= std::log(std::exp(row[t.data<int64_t>()[i]]) / norm);
  }
  Perplexity whole;
  whole.add(x, t);
  EXPECT_EQ(whole.count(), 19);
  EXPECT_NEAR(whole.value(), std::exp(sum / 19), 1e-9);
  Perplexity parts;
  parts.add(x.alias({9, 6}), t.alias({9}));
  parts.add(x.alias({11, 6}, 54), t.alias({11}, 9));
  EXPECT_NEAR(parts.value(), whole.value(), 1e-12);
  Perplexity tokens;  // [n, classes, t]
  tokens.add(transpose(reshape(x, {4, 5, 6}), 1, 2), reshape(t, {4, 5}));
  EXPECT_NEAR(tokens.value(), whole.value(), 1e-9);
}

TEST(ConfusionMatrix, CountsPairsOfTargetAndPrediction) {
  ConfusionMatrix matrix({.classes = 3});
  EXPECT_TRUE(std::isnan(matrix.accuracy()));
  const auto one_hot = [](std::initializer_list<int64_t> predicted) {
    Tensor x = Tensor::zeros({std::ssize(std::vector(predicted)), 3});
    int64_t row = 0;
    for (const int64_t p : predicted) x.mutable_data<float>()[3 * row++ + p] = 1;
    return x;
  };
  matrix.add(one_hot({0, 0, 1, 0}), labels({0, 0, 0, 1}));
  matrix.add(one_hot({1, 1, 0}), labels({1, -100, 2}));
  EXPECT_EQ(matrix.value().to_vector<int64_t>(), (std::vector<int64_t>{2, 1, 0, 1, 1, 0, 1, 0, 0}));
  EXPECT_EQ(matrix.value().shape(), Shape({3, 3}));
  EXPECT_EQ(matrix.count(0, 1), 1);
  EXPECT_EQ(matrix.accuracy(), 0.5);
  EXPECT_EQ(matrix.precision(0), 0.5);
  EXPECT_EQ(matrix.precision(1), 0.5);
  EXPECT_TRUE(std::isnan(matrix.precision(2)));
  EXPECT_EQ(matrix.recall(0), 2.0 / 3);
  EXPECT_EQ(matrix.recall(1), 0.5);
  EXPECT_EQ(matrix.recall(2), 0);
  for (const int64_t c : {-1, 3}) {
    EXPECT_THROW(matrix.count(c, 0), IndexError);
    EXPECT_THROW(matrix.count(0, c), IndexError);
    EXPECT_THROW(matrix.precision(c), IndexError);
    EXPECT_THROW(matrix.recall(c), IndexError);
  }
  matrix.reset();
  EXPECT_EQ(matrix.count(0, 0), 0);
  matrix.add(Tensor::from<float>({0, 1, 1, 0, 0, 0}, {1, 3, 2}), Tensor::from<int64_t>({1, 2}, {1, 2}));
  EXPECT_EQ(matrix.count(1, 1), 1);
  EXPECT_EQ(matrix.count(2, 0), 1);
}

TEST(Throughput, DividesItemsByTheTimeSinceItsStart) {
  metrics::Throughput throughput;
  EXPECT_EQ(throughput.value(), 0);
  throughput.add(3);
  throughput.add(4);
  EXPECT_EQ(throughput.items(), 7);
  const double before = throughput.seconds();
  const double value = throughput.value();
  const double after = throughput.seconds();
  EXPECT_LE(value * before, 7 * (1 + 1e-9));
  EXPECT_GE(value * after, 7 * (1 - 1e-9));
  throughput.reset();
  EXPECT_EQ(throughput.items(), 0);
}

TEST(Metrics, RefuseWhatIsNoPairOfLogitsAndTargetsAndAddNothing) {
  EXPECT_THROW(Accuracy({.top_k = 0}), ConfigError);
  EXPECT_THROW(ConfusionMatrix({.classes = 0}), ConfigError);
  Accuracy accuracy;
  Perplexity perplexity;
  ConfusionMatrix matrix({.classes = 3});
  const Tensor x = Tensor::zeros({2, 3});
  const Tensor t = labels({0, 1});
  const std::function<void(const Tensor&, const Tensor&)> adds[] = {
      [&](const Tensor& logits, const Tensor& targets) { accuracy.add(logits, targets); },
      [&](const Tensor& logits, const Tensor& targets) { perplexity.add(logits, targets); },
      [&](const Tensor& logits, const Tensor& targets) { matrix.add(logits, targets); }};
  for (const auto& add : adds) {
    EXPECT_THROW(add(Tensor(), t), StateError);
    EXPECT_THROW(add(x, Tensor()), StateError);
    EXPECT_THROW(add(Tensor::zeros({2}), t), ShapeError);
    EXPECT_THROW(add(x, labels({0})), ShapeError);
    EXPECT_THROW(add(Tensor::zeros({2, 3, 2}), t), ShapeError);
    EXPECT_THROW(add(x, Tensor::zeros({2})), DTypeError);
    EXPECT_THROW(add(x.to(DType::i64), t), DTypeError);
    EXPECT_THROW(add(x, labels({0, 3})), IndexError);
    EXPECT_THROW(add(x, labels({0, -1})), IndexError);
    EXPECT_NO_THROW(add(Tensor::zeros({0, 3}), Tensor::zeros({0}, DType::i64)));
  }
  EXPECT_THROW(matrix.add(Tensor::zeros({2, 4}), t), ShapeError);
  EXPECT_EQ(accuracy.count(), 0);
  EXPECT_EQ(perplexity.count(), 0);
  EXPECT_TRUE(std::isnan(matrix.accuracy()));
}

}  // namespace
}  // namespace gossamer::data::test_metrics
