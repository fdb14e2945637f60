// Parts of data sets, and sets made of a seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <set>
#include <vector>

#include "gossamer/data/subset.h"
#include "gossamer/data/synthetic.h"
#include "gossamer/error.h"
#include "tests/data/support.h"

namespace gossamer::data::test_subset {
namespace {

using Indices = std::vector<int64_t>;

Indices ascending(int64_t n) {
  Indices indices(static_cast<size_t>(n));
  std::iota(indices.begin(), indices.end(), int64_t{0});
  return indices;
}

// Sample i is x = 10 i and y = i.
std::shared_ptr<const Dataset> tens(int64_t n) {
  std::vector<float> x;
  for (int64_t i = 0; i < n; ++i) x.push_back(static_cast<float>(10 * i));
  return std::make_shared<TensorDataset>(x, ascending(n));
}

TEST(TensorDataset, CopiesVectors) {
  const TensorDataset dataset(std::vector<double>{1, 2, 3, 4, 5, 6}, std::vector<int32_t>{7, 8});
  const Batch batch = dataset.gather(Indices{1});
  EXPECT_EQ(batch.x.shape(), Shape({1, 3}));
  EXPECT_TRUE(std::ranges::equal(batch.x.span<double>(), std::vector<double>{4, 5, 6}));
  EXPECT_EQ(batch.y.item<int32_t>(), 8);
  EXPECT_EQ(TensorDataset(std::vector<float>{}, std::vector<float>{}).size(), 0);
  EXPECT_THROW(TensorDataset(std::vector<float>{1, 2, 3}, std::vector<float>{1, 2}), ShapeError);
  EXPECT_THROW(TensorDataset(std::vector<float>{1}, std::vector<float>{}), ShapeError);
}

TEST(Subset, NumbersSomeSamplesAnew) {
  const Subset subset(tens(10), {7, 2, 2});
  EXPECT_EQ(subset.size(), 3);
  const Batch batch = subset.gather(Indices{2, 0});
  EXPECT_TRUE(std::ranges::equal(batch.x.span<float>(), std::vector<float>{20, 70}));
  EXPECT_TRUE(std::ranges::equal(batch.y.span<int64_t>(), Indices{2, 7}));
  EXPECT_THROW(subset.gather(Indices{3}), IndexError);
  EXPECT_THROW(Subset(tens(10), {10}), IndexError);
  EXPECT_THROW(Subset(tens(10), {-1}), IndexError);
  EXPECT_THROW(Subset(nullptr, {}), ConfigError);
}

TEST(RandomSplit, DealsOutEverySampleOnce) {
  const auto parts = random_split(tens(50), {30, 0, 20}, 4);
  ASSERT_EQ(parts.size(), 3U);
  Indices all;
  for (const auto& part : parts) all.insert(all.end(), part->indices().begin(), part->indices().end());
  EXPECT_EQ(parts[0]->size(), 30);
  EXPECT_EQ(parts[1]->size(), 0);
  EXPECT_NE(all, ascending(50));
  EXPECT_EQ(random_split(tens(50), {30, 0, 20}, 4)[0]->indices(), parts[0]->indices());
  EXPECT_NE(random_split(tens(50), {30, 0, 20}, 5)[0]->indices(), parts[0]->indices());
  std::ranges::sort(all);
  EXPECT_EQ(all, ascending(50));
}

TEST(RandomSplit, RefusesSizesThatDoNotAddUp) {
  for (const Indices& sizes : {Indices{}, Indices{49}, Indices{51}, Indices{60, -10}, Indices{-1, 51}}) {
    EXPECT_THROW(random_split(tens(50), sizes, 1), ConfigError);
  }
  EXPECT_THROW(random_split(nullptr, {0}, 1), ConfigError);
}

TEST(Blobs, LieAroundACentreForEachClass) {
  constexpr int64_t kSamples = 3000;
  const auto dataset =
      make_blobs({.samples = kSamples, .features = 2, .classes = 3, .center = 4, .std = 0.5, .seed = 6});
  const Batch all = dataset->gather(ascending(kSamples));
  ASSERT_EQ(all.x.shape(), Shape({kSamples, 2}));
  std::set<std::pair<int64_t, int64_t>> centers;
  for (int64_t c = 0; c < 3; ++c) {
    double mean[2] = {0, 0};
    double squares[2] = {0, 0};
    for (int64_t i = c; i < kSamples; i += 3) {
      EXPECT_EQ(all.y.data<int64_t>()[i], c);
      for (int k = 0; k < 2; ++k) mean[k] += static_cast<double>(all.x.data<float>()[2 * i + k]) / 1000;
    }
    for (int64_t i = c; i < kSamples; i += 3) {
      for (int k = 0; k < 2; ++k) {
        squares[k] += std::pow(static_cast<double>(all.x.data<float>()[2 * i + k]) - mean[k], 2) / 1000;
      }
    }
    for (int k = 0; k < 2; ++k) {
      EXPECT_LE(std::abs(mean[k]), 4.1);
      EXPECT_NEAR(std::sqrt(squares[k]), 0.5, 0.07);  // six standard deviations of the estimate
    }
    centers.emplace(std::lround(10 * mean[0]), std::lround(10 * mean[1]));
  }
  EXPECT_EQ(centers.size(), 3U);
}

TEST(Regression, IsLinearWithTheNoiseAskedFor) {
  const Indices all = ascending(2000);
  const auto residuals = [&](double noise) {
    const Regression r = make_regression({.samples = 2000, .features = 5, .noise = noise, .seed = 2});
    const Batch batch = r.dataset->gather(all);
    EXPECT_EQ(batch.y.shape(), Shape({2000, 1}));
    double squares = 0;
    for (int64_t i = 0; i < 2000; ++i) {
      double rest = static_cast<double>(batch.y.data<float>()[i]);
      for (int64_t k = 0; k < 5; ++k) {
        rest -= static_cast<double>(batch.x.data<float>()[5 * i + k]) * static_cast<double>(r.weight.data<float>()[k]);
      }
      squares += rest * rest / 2000;
    }
    return std::sqrt(squares);
  };
  EXPECT_LT(residuals(0), 1e-6);
  EXPECT_NEAR(residuals(0.5), 0.5, 0.05);
}

TEST(Tokens, FollowOneAnotherInACycleButForTheNoise) {
  const std::vector<int32_t> clean = make_tokens({.tokens = 40, .vocabulary = 8, .noise = 0, .seed = 3});
  EXPECT_EQ(std::set<int32_t>(clean.begin(), clean.begin() + 8), (std::set<int32_t>{0, 1, 2, 3, 4, 5, 6, 7}));
  for (size_t i = 8; i < clean.size(); ++i) EXPECT_EQ(clean[i], clean[i - 8]);

  const std::vector<int32_t> noisy = make_tokens({.tokens = 40'000, .vocabulary = 8, .noise = 0.3, .seed = 3});
  std::vector<int32_t> next(8);
  for (size_t i = 0; i < 8; ++i) next[static_cast<size_t>(clean[i])] = clean[i + 1];
  double follows = 0;
  for (size_t i = 1; i < noisy.size(); ++i) follows += noisy[i] == next[static_cast<size_t>(noisy[i - 1])] ? 1 : 0;
  EXPECT_NEAR(follows / 39'999, 0.7 + 0.3 / 8, 0.015);  // six standard deviations
  EXPECT_EQ(make_tokens({.tokens = 5, .vocabulary = 1}), (std::vector<int32_t>{0, 0, 0, 0, 0}));
}

TEST(Synthetic, IsAFunctionOfItsOptions) {
  const auto values = [](const std::shared_ptr<const TensorDataset>& dataset) {
    const Tensor x = dataset->gather(ascending(dataset->size())).x;
    return std::vector<float>(x.span<float>().begin(), x.span<float>().end());
  };
  EXPECT_EQ(values(make_blobs({.samples = 9, .seed = 1})), values(make_blobs({.samples = 9, .seed = 1})));
  EXPECT_NE(values(make_blobs({.samples = 9, .seed = 1})), values(make_blobs({.samples = 9, .seed = 2})));
  EXPECT_NE(values(make_regression({.seed = 1}).dataset), values(make_regression({.seed = 2}).dataset));
  EXPECT_EQ(make_tokens({.seed = 1}), make_tokens({.seed = 1}));
  EXPECT_NE(make_tokens({.seed = 1}), make_tokens({.seed = 2}));
}

TEST(Synthetic, RefusesSettingsThatCannotBe) {
  EXPECT_THROW(make_blobs({.samples = -1}), ConfigError);
  EXPECT_THROW(make_blobs({.features = 0}), ConfigError);
  EXPECT_THROW(make_blobs({.classes = 0}), ConfigError);
  EXPECT_THROW(make_blobs({.std = -1}), ConfigError);
  EXPECT_THROW(make_blobs({.center = std::nan("")}), ConfigError);
  EXPECT_THROW(make_regression({.features = 0}), ConfigError);
  EXPECT_THROW(make_regression({.noise = -1}), ConfigError);
  EXPECT_THROW(make_tokens({.tokens = -1}), ConfigError);
  EXPECT_THROW(make_tokens({.vocabulary = 0}), ConfigError);
  EXPECT_THROW(make_tokens({.noise = 1.5}), ConfigError);
  EXPECT_EQ(make_blobs({.samples = 0})->size(), 0);
}

}  // namespace
}  // namespace gossamer::data::test_subset
