// Layers without weights: ReLU, Flatten, Dropout.
#include <cmath>
#include <memory>

#include "gossamer/nn/activation.h"
#include "gossamer/nn/container.h"
#include "gossamer/nn/dropout.h"
#include "gossamer/nn/flatten.h"
#include "tests/nn/support.h"

namespace gossamer::nn::test_layers {
namespace {

TEST(ReLU, KeepsWhatIsPositive) {
  ReLU layer;
  expect_equal(layer(Tensor::from<float>({-1, 0, 2}, {3})), Tensor::from<float>({0, 0, 2}, {3}));
  layer.eval();
  EXPECT_FALSE(layer.clone()->training());
}

TEST(Softmax, SumsToOneAlongItsDimension) {
  const Tensor x = Tensor::from<float>({0, std::log(3.0F), 0, 0}, {2, 2});
  expect_close(Softmax()(x), Tensor::from<float>({0.25, 0.75, 0.5, 0.5}, {2, 2}));
  expect_close(Softmax({.dim = 0})(x), Tensor::from<float>({0.5, 0.75, 0.5, 0.25}, {2, 2}));
  EXPECT_THROW(Softmax({.dim = 2})(x), ShapeError);
}

TEST(Flatten, MergesAllButTheFirstDimensionByDefault) {
  Flatten layer;
  const Tensor x = uniform({5, 2, 3}, 1);
  const Tensor y = layer(x);
  EXPECT_EQ(y.shape(), Shape({5, 6}));
  expect_equal(y.alias({5, 2, 3}), x);
  EXPECT_EQ(layer(uniform({5, 4}, 1)).shape(), Shape({5, 4}));
  EXPECT_EQ(layer(Tensor::ones({0, 4, 2})).shape(), Shape({0, 8}));
}

TEST(Flatten, MergesTheDimensionsItIsTold) {
  const Tensor x = uniform({2, 3, 4, 5}, 1);
  EXPECT_EQ(Flatten({.start_dim = 0, .end_dim = 1})(x).shape(), Shape({6, 4, 5}));
  EXPECT_EQ(Flatten({.start_dim = -3, .end_dim = -2})(x).shape(), Shape({2, 12, 5}));
  EXPECT_EQ(Flatten({.start_dim = 0})(x).shape(), Shape({120}));
  EXPECT_EQ((*Flatten({.start_dim = 2}).clone())(x).shape(), Shape({2, 3, 20}));
}

TEST(Flatten, RefusesDimensionsThatDoNotExist) {
  EXPECT_THROW(Flatten()(Tensor::ones({3})), ShapeError);
  EXPECT_THROW(Flatten()(Tensor::ones({})), ShapeError);
  EXPECT_THROW(Flatten({.start_dim = 2, .end_dim = 1})(Tensor::ones({2, 2, 2})), ShapeError);
  EXPECT_THROW(Flatten({.start_dim = 0, .end_dim = 3})(Tensor::ones({2, 2, 2})), ShapeError);
  EXPECT_THROW(Flatten({.start_dim = -4})(Tensor::ones({2, 2, 2})), ShapeError);
  EXPECT_THROW(Flatten()(Tensor()), StateError);
}

Dropout make_dropout(double p, uint64_t seed = 5) {
  Generator rng(seed);
  return Dropout({.p = p}, rng);
}

TEST(Dropout, ZeroesTheGivenShareAndScalesTheOthers) {
  for (const double p : {0.1, 0.5, 0.9}) {
    Dropout layer = make_dropout(p);
    const Tensor y = layer(Tensor::ones({100, 1000}));
    int64_t zeros = 0;
    for (const float v : y.span<float>()) {
      if (v == 0) {
        ++zeros;
      } else {
        ASSERT_FLOAT_EQ(v, static_cast<float>(1 / (1 - p)));
      }
    }
    // Five standard deviations of a binomial count.
    EXPECT_NEAR(static_cast<double>(zeros), 1e5 * p, 5 * std::sqrt(1e5 * p * (1 - p)));
  }
}

TEST(Dropout, DrawsAnewAtEachCallAndTheSameForTheSameSeed) {
  const Tensor x = Tensor::ones({64});
  Dropout a = make_dropout(0.5);
  Dropout b = make_dropout(0.5);
  const Tensor first = a(x);
  const Tensor second = a(x);
  expect_equal(b(x), first);
  expect_equal(b(x), second);
  EXPECT_NE(std::vector<float>(first.span<float>().begin(), first.span<float>().end()),
            std::vector<float>(second.span<float>().begin(), second.span<float>().end()));
}

TEST(Dropout, DrawsDifferentlyInEachLayer) {
  Generator rng(5);
  Dropout a({.p = 0.5}, rng);
  Dropout b({.p = 0.5}, rng);
  const Tensor x = Tensor::ones({64});
  const Tensor from_a = a(x);
  const Tensor from_b = b(x);
  EXPECT_NE(std::vector<float>(from_a.span<float>().begin(), from_a.span<float>().end()),
            std::vector<float>(from_b.span<float>().begin(), from_b.span<float>().end()));
}

TEST(Dropout, DoesNothingInEvaluationAndWhereNothingIsDropped) {
  Dropout layer = make_dropout(0.5);
  const Tensor x = uniform({10}, 1);
  EXPECT_TRUE(make_dropout(0)(x).shares_storage_with(x));
  layer.eval();
  EXPECT_TRUE(layer(x).shares_storage_with(x));
  layer.train();
  expect_equal(layer(x), make_dropout(0.5)(x));
}

TEST(Dropout, PassesTheGradientOfWhatItKept) {
  Dropout layer = make_dropout(0.5);
  Tensor x = Tensor::ones({64});
  x.set_requires_grad();
  const Tensor y = layer(x);
  sum(y).backward();
  expect_equal(x.grad(), y.detach());
}

TEST(Dropout, ContinuesItsSequenceAfterAStateDict) {
  const Tensor x = Tensor::ones({64});
  Dropout unbroken = make_dropout(0.5);
  unbroken(x);
  unbroken(x);
  Dropout resumed = make_dropout(0.5);
  resumed.load_state_dict(unbroken.state_dict());
  const auto copy = unbroken.clone();
  const Tensor third = unbroken(x);
  expect_equal(resumed(x), third);
  expect_equal((*copy)(x), third);
}

TEST(Dropout, DrawsFromAGivenKeyAndTakesNoneThen) {
  Generator rng(1);
  Dropout first({.p = 0.5, .key = 77}, rng);
  EXPECT_EQ(rng.count(), 0U);
  Dropout second({.p = 0.5}, rng);
  Dropout third(second.options(), rng);
  EXPECT_EQ(rng.count(), 1U);
  const Tensor x = Tensor::ones({64});
  expect_equal(third(x), second(x));
  expect_equal(first(x), Dropout({.p = 0.5, .key = 77}, rng)(x));
}

TEST(Dropout, RefusesAProbabilityOutOfRangeAndTakesNoKeyForIt) {
  Generator rng(1);
  for (const double p : {-0.1, 1.0, std::nan("")}) EXPECT_THROW(Dropout({.p = p}, rng), ConfigError) << p;
  EXPECT_EQ(rng.count(), 0U);
}

}  // namespace
}  // namespace gossamer::nn::test_layers
