#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "bench/ratios.h"

namespace gossamer::bench::test_ratios {
namespace {

constexpr LayerSize kSmall{4, 4, 4};
constexpr LayerSize kLarge{8, 8, 8};

Ratio ratio_of(Kernel kernel, const LayerSize& size, double sparsity, double ratio) {
  return {{kernel, Layout::Native, 1}, size, sparsity, 1.0, ratio};
}

TEST(GeometricMeans, RunOverTheShapesOfEachSeriesAndSparsity) {
  const std::vector<Ratio> ratios = {ratio_of(Kernel::Step, kSmall, 0.9, 2), ratio_of(Kernel::Step, kSmall, 0.5, 1),
                                     ratio_of(Kernel::Forward, kSmall, 0.9, 3), ratio_of(Kernel::Step, kLarge, 0.9, 8)};
  const std::vector<GeometricMean> means = geometric_means(ratios);
  ASSERT_EQ(means.size(), 3U);
  EXPECT_EQ(means[0].series.kernel, Kernel::Step);
  EXPECT_EQ(means[0].sparsity, 0.5);
  EXPECT_DOUBLE_EQ(means[0].ratio, 1);
  EXPECT_EQ(means[1].sparsity, 0.9);
  EXPECT_DOUBLE_EQ(means[1].ratio, 4);
  EXPECT_EQ(means[2].series.kernel, Kernel::Forward);
  EXPECT_DOUBLE_EQ(means[2].ratio, 3);
}

TEST(GeometricMeans, KeepLayoutsThreadsAndLibrariesApart) {
  std::vector<Ratio> ratios(4, ratio_of(Kernel::Step, kSmall, 0.9, 2));
  ratios[1].series.layout = Layout::BatchFirst;
  ratios[2].series.threads = 2;
  ratios[3].series.library = "other";
  EXPECT_EQ(geometric_means(ratios).size(), 4U);
}

std::optional<double> crossover_of(const std::vector<double>& ratios) {
  std::vector<GeometricMean> means;
  double sparsity = 0.5;
  for (const double ratio : ratios) {
    means.push_back({{Kernel::Step, Layout::Native, 1}, sparsity, ratio});
    sparsity += 0.125;
  }
  const std::vector<Crossover> found = crossovers(means);
  EXPECT_EQ(found.size(), 1U);
  return found[0].sparsity;
}

TEST(Crossovers, LieBetweenTheMeasuredPointsThatEncloseOne) {
  EXPECT_DOUBLE_EQ(*crossover_of({0.5, 0.75, 1.25, 2}), 0.6875);
  EXPECT_DOUBLE_EQ(*crossover_of({0.5, 0.75, 1, 2}), 0.75);
}

TEST(Crossovers, AreWhereTheRatioStaysAboveOneForGood) { EXPECT_DOUBLE_EQ(*crossover_of({1.5, 0.5, 1.5, 2}), 0.6875); }

TEST(Crossovers, AreTheLowestSparsityWhenEveryRatioIsAboveOne) { EXPECT_DOUBLE_EQ(*crossover_of({1, 2, 3}), 0.5); }

TEST(Crossovers, DoNotExistWhenTheLastRatioIsBelowOne) {
  EXPECT_FALSE(crossover_of({0.5, 1.5, 0.99}));
  EXPECT_FALSE(crossover_of({0.5}));
}

TEST(Crossovers, BelongToOneSeriesEach) {
  const std::vector<Crossover> found = crossovers(std::vector<GeometricMean>{
      {{Kernel::Forward, Layout::Native, 1}, 0.5, 0.5},
      {{Kernel::Forward, Layout::Native, 1}, 0.9, 1.5},
      {{Kernel::Step, Layout::Native, 1}, 0.5, 0.5},
  });
  ASSERT_EQ(found.size(), 2U);
  EXPECT_NEAR(*found[0].sparsity, 0.7, 1e-12);
  EXPECT_EQ(found[1].series.kernel, Kernel::Step);
  EXPECT_FALSE(found[1].sparsity);
}

}  // namespace
}  // namespace gossamer::bench::test_ratios
