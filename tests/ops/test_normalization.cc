// Normalizations: how exact their statistics are, what batch norm keeps, and tile-major operands.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/ops.h"
#include "tensor/tiles.h"
#include "tests/support/golden.h"
#include "tests/support/tensors.h"

namespace gossamer::test_normalization {
namespace {

using golden::expect_close;
using golden::expect_equal;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Each element less the mean of its set, over the square root of the variance of its set plus eps, in double. Element i
// belongs to set `set(i)`.
Tensor normalized(const Tensor& x, int64_t sets, double eps, const std::function<int64_t(int64_t)>& set) {
  std::vector<double> mean(static_cast<size_t>(sets)), variance(mean);
  const double count = static_cast<double>(x.numel() / sets);
  const auto at = [&](int64_t i) { return static_cast<size_t>(set(i)); };
  const float* const from = x.data<float>();
  for (int64_t i = 0; i < x.numel(); ++i) mean[at(i)] += static_cast<double>(from[i]) / count;
  for (int64_t i = 0; i < x.numel(); ++i) variance[at(i)] += std::pow(from[i] - mean[at(i)], 2) / count;
  Tensor y = Tensor::empty(x.shape(), DType::f64);
  for (int64_t i = 0; i < x.numel(); ++i) {
    y.mutable_data<double>()[i] = (from[i] - mean[at(i)]) / std::sqrt(variance[at(i)] + eps);
  }
  return y;
}

// Mean 1e4 and standard deviation 1e-2: the mean in float is wrong by as much as 0.05 standard deviations.
Tensor far_from_zero(const Shape& shape) { return uniform(shape, 1, DType::f32, 1e4 - 0.017320508, 1e4 + 0.017320508); }

struct Accurate {
  const char* name;
  Shape shape;
  std::function<Tensor(const Tensor&)> fn;
  int64_t sets;
  std::function<int64_t(int64_t)> set;
};

TEST(Normalization, IsExactFarFromZero) {
  const auto train = [](const Tensor& x) { return batch_norm(x, {}, {}, {.training = true, .eps = 1e-8}); };
  const std::vector<Accurate> cases{
      {"layer_norm",
       {30, 768},
       [](const Tensor& x) { return layer_norm(x, {768}, {}, {}, {.eps = 1e-8}); },
       30,
       [](int64_t i) { return i / 768; }},
      {"layer_norm, long",
       {2, 70000},
       [](const Tensor& x) { return layer_norm(x, {70000}, {}, {}, {.eps = 1e-8}); },
       2,
       [](int64_t i) { return i / 70000; }},
      {"group_norm",
       {4, 6, 50},
       [](const Tensor& x) { return group_norm(x, 2, {}, {}, {.eps = 1e-8}); },
       8,
       [](int64_t i) { return i / 150; }},
      {"batch_norm, planes", {40, 3, 100}, train, 3, [](int64_t i) { return i / 100 % 3; }},
      {"batch_norm, columns", {3000, 20}, train, 20, [](int64_t i) { return i % 20; }},
      {"batch_norm, folded columns", {900, 5, 4}, train, 5, [](int64_t i) { return i / 4 % 5; }},
  };
  for (const Accurate& c : cases) {
    SCOPED_TRACE(c.name);
    const Tensor x = far_from_zero(c.shape);
    const Tensor y = c.fn(x);
    expect_close(y.to(DType::f64), normalized(x, c.sets, 1e-8, c.set), 1e-5, 1e-5);
    // The gradients, by f64, which are checked against differences.
    const Tensor grad = uniform(c.shape, 2, DType::f32);
    Tensor a = x.clone().set_requires_grad();
    Tensor b = x.to(DType::f64).set_requires_grad();
    c.fn(a).backward(grad);
    c.fn(b).backward(grad.to(DType::f64));
    // Slopes are the inverse of the standard deviation.
    expect_close(a.grad().to(DType::f64), b.grad(), 1e-5, 1e-3);
  }
}

TEST(Normalization, OfALineWithNanIsNanThereAlone) {
  Tensor x = uniform({3, 40}, 1, DType::f32);
  const Tensor y = layer_norm(x, {40});
  const Tensor z = rms_norm(x, {40});
  x.mutable_data<float>()[45] = kNan;
  for (const auto& [with, without] : {std::pair{layer_norm(x, {40}), y}, std::pair{rms_norm(x, {40}), z}}) {
    for (int64_t i = 0; i < x.numel(); ++i) {
      const float value = with.data<float>()[i];
      EXPECT_TRUE(i / 40 == 1 ? std::isnan(value) : value == without.data<float>()[i]) << i;
    }
  }
}

TEST(Normalization, OfEqualElementsIsTheBias) {
  const Tensor bias = uniform({40}, 1, DType::f32);
  expect_equal(layer_norm(Tensor::full({1, 40}, 1e7), {40}, {}, bias), reshape(bias, {1, 40}));
}

TEST(BatchNorm, RunningStatisticsFollowPyTorch) {
  const auto file = golden::load("torch_ops.json");
  int cases = 0;
  for (const auto& c : file.at("cases")) {
    if (c.at("op") != "batch_norm") continue;
    ++cases;
    for (const DType dtype : {DType::f32, DType::f64}) {
      const auto read = [&](const auto& tensor) { return golden::tensor_from_json(tensor).to(dtype); };
      const Tensor mean = read(c.at("in").at("rm")).clone();
      const Tensor variance = read(c.at("in").at("rv")).clone();
      batch_norm(read(c.at("in").at("x")), {}, {},
                 {.running_mean = mean,
                  .running_var = variance,
                  .training = c.at("attrs").at("training").template get<bool>()});
      expect_close(mean, read(c.at("extra_out").at(0)));
      expect_close(variance, read(c.at("extra_out").at(1)));
    }
  }
  EXPECT_EQ(cases, 2);
}

TEST(BatchNorm, KeepsRunningStatisticsWhereItThrowsOrHasNothingToCount) {
  const Tensor mean = Tensor::full({2}, 3);
  const Tensor variance = Tensor::full({2}, 4);
  BatchNormOptions options{.running_mean = mean, .running_var = variance, .training = true};
  EXPECT_THROW(batch_norm(Tensor::ones({1, 2}), {}, {}, options), ShapeError);
  EXPECT_THROW(batch_norm(Tensor::ones({5, 2}), Tensor::ones({3}), {}, options), ShapeError);
  EXPECT_THROW(batch_norm(Tensor::ones({5, 3}), {}, {}, options), ShapeError);
  batch_norm(Tensor::ones({0, 2}), {}, {}, options);
  options.training = false;
  batch_norm(Tensor::ones({5, 2}), {}, {}, options);
  EXPECT_EQ(mean.version(), Tensor::full({2}, 3).version());
  expect_equal(mean, Tensor::full({2}, 3));
  expect_equal(variance, Tensor::full({2}, 4));
}

TEST(BatchNorm, GradientInEvaluationIgnoresX) {
  const Tensor mean = Tensor::full({2}, 3);
  const Tensor variance = Tensor::full({2}, 4);
  const Tensor grad = uniform({2, 2, 20}, 1, DType::f32);
  Tensor x = Tensor::full({2, 2, 20}, kNan).set_requires_grad();
  batch_norm(x, {}, {}, {.running_mean = mean, .running_var = variance, .eps = 0}).backward(grad);
  expect_equal(x.grad(), mul_scalar(grad, 0.5));
}

using OnTiles = std::function<Tensor(const Tensor& x, const Tensor& weight, const Tensor& bias)>;

TEST(Normalization, TakesTilesAndKeepsThem) {
  constexpr int64_t kN = 45;
  constexpr int64_t kFeatures = 6;
  const Tensor x = uniform({kN, kFeatures}, 1, DType::f32);
  const Tensor grad = uniform({kN, kFeatures}, 2, DType::f32);
  const Tensor mean = uniform({kFeatures}, 5, DType::f32);
  const Tensor variance = uniform({kFeatures}, 6, DType::f32, 1, 2);
  const std::vector<OnTiles> ops{
      [](const Tensor& a, const Tensor& w, const Tensor& b) { return layer_norm(a, {kFeatures}, w, b); },
      [](const Tensor& a, const Tensor& w, const Tensor& b) { return add(rms_norm(a, {kFeatures}, w, {.eps = 0}), b); },
      [](const Tensor& a, const Tensor& w, const Tensor& b) { return batch_norm(a, w, b, {.training = true}); },
      [&](const Tensor& a, const Tensor& w, const Tensor& b) {
        return batch_norm(a, w, b, {.running_mean = mean, .running_var = variance});
      }};
  for (const OnTiles& op : ops) {
    const auto run = [&](const Tensor& operand, const Tensor& dy) {
      Tensor a = operand.detach().set_requires_grad();
      Tensor w = uniform({kFeatures}, 3, DType::f32).set_requires_grad();
      Tensor b = uniform({kFeatures}, 4, DType::f32).set_requires_grad();
      const Tensor y = op(a, w, b);
      y.backward(dy);
      return std::vector<Tensor>{y.detach(), a.grad(), w.grad(), b.grad()};
    };
    const std::vector<Tensor> rows = run(x, grad);
    for (const int width : {8, 32, 64}) {
      const std::vector<Tensor> tiles = run(TensorTiles::pack(x, width), TensorTiles::pack(grad, width));
      for (const size_t result : {0, 1}) {
        if (&op == &ops[1] && result == 0) continue;  // add() has a row as its operand
        const ConstBatch<float> batch = TensorTiles::get(tiles[result]);
        ASSERT_EQ(batch.width, width);
        for (int64_t lane = kN % width; lane < width; ++lane) {
          for (int64_t feature = 0; feature < kFeatures; ++feature) {
            ASSERT_EQ(batch.data[((kN / width) * kFeatures + feature) * width + lane], 0.0F) << lane;
          }
        }
      }
      for (size_t i = 0; i < rows.size(); ++i) expect_close(tiles[i], rows[i], 1e-5, 1e-5);
    }
  }
}

// Gradients in rows for a tiled x, and the other way round.
TEST(Normalization, TakesGradientsOfAnotherLayout) {
  const Tensor x = uniform({45, 6}, 1, DType::f32);
  const Tensor grad = uniform({45, 6}, 2, DType::f32);
  for (const bool is_layer : {true, false}) {
    const auto run = [&](const Tensor& operand, const Tensor& dy) {
      Tensor a = operand.detach().set_requires_grad();
      (is_layer ? layer_norm(a, {6}) : batch_norm(a, {}, {}, {.training = true})).backward(dy);
      return a.grad();
    };
    const Tensor expected = run(x, grad);
    expect_close(run(TensorTiles::pack(x, 32), grad), expected, 1e-5, 1e-5);
    expect_close(run(x, TensorTiles::pack(grad, 32)), expected, 1e-5, 1e-5);
  }
}

}  // namespace
}  // namespace gossamer::test_normalization
