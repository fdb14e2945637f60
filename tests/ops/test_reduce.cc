// sum, mean, max and argmax.
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

namespace gossamer::test_reduce {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

// Whether bit i of `bits` asks for dimension i.
std::vector<int> dims_of(unsigned bits, int rank) {
  std::vector<int> dims;
  for (int i = 0; i < rank; ++i) {
    if (bits >> i & 1) dims.push_back(i % 2 == 0 ? i : i - rank);
  }
  return dims;
}

// The sum over the named dimensions, one element at a time.
std::vector<double> naive_sum(const Tensor& x, unsigned bits) {
  int64_t kept = 1;
  for (int i = 0; i < x.rank(); ++i) kept *= bits >> i & 1 ? 1 : x.dim(i);
  std::vector<double> sums(static_cast<size_t>(kept));
  for (int64_t i = 0; i < x.numel(); ++i) {
    int64_t rest = i;
    int64_t at = 0;
    int64_t stride = 1;
    for (int d = x.rank() - 1; d >= 0; --d) {
      if (!(bits >> d & 1)) {
        at += rest % x.dim(d) * stride;
        stride *= x.dim(d);
      }
      rest /= x.dim(d);
    }
    sums[static_cast<size_t>(at)] += x.data<double>()[i];
  }
  return sums;
}

TEST(Sum, TakesAnySetOfDimensions) {
  const Tensor x = uniform({3, 2, 5, 4}, 1);
  for (unsigned bits = 1; bits < 16; ++bits) {
    SCOPED_TRACE(bits);
    const Tensor total = sum(x, {.dims = dims_of(bits, 4)});
    const std::vector<double> expected = naive_sum(x, bits);
    golden::expect_close(total, Tensor::from(expected, total.shape()), 1e-14, 1e-14);
    const Tensor kept = sum(x, {.dims = dims_of(bits, 4), .keepdim = true});
    ASSERT_EQ(kept.rank(), 4);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(kept.dim(i), bits >> i & 1 ? 1 : x.dim(i));
    golden::expect_equal(kept.alias(total.shape()), total);
  }
}

TEST(Sum, OfLongAxesIsAccurateInF32) {
  // One running float sum of a million would be off by 1 %.
  const int64_t n = 1000003;
  const double value = 0.1F;
  EXPECT_NEAR(sum(Tensor::full({n}, value)).item<double>(), n * value, 1e-5 * n * value);
  const Tensor columns = sum(Tensor::full({n, 3}, value), {.dims = {0}});
  for (const float v : columns.span<float>()) EXPECT_NEAR(v, n * value, 1e-5 * n * value);
}

TEST(Sum, OfNothingIsZero) {
  golden::expect_equal(sum(Tensor::zeros({0})), Tensor::zeros({}));
  golden::expect_equal(sum(Tensor::zeros({2, 0, 3}), {.dims = {1}}), Tensor::zeros({2, 3}));
  EXPECT_EQ(sum(Tensor::zeros({2, 0, 3}), {.dims = {0}}).shape(), Shape({0, 3}));
}

TEST(Sum, OfAScalarIsACopy) {
  const Tensor x = Tensor::full({}, 3);
  EXPECT_FALSE(sum(x).shares_storage_with(x));
  EXPECT_EQ(sum(x).item<float>(), 3);
}

TEST(Sum, RefusesDimensionsOutsideTheRankOrNamedTwice) {
  const Tensor x = Tensor::ones({2, 3});
  EXPECT_NE(message_of<ShapeError>([&] { sum(x, {.dims = {2}}); }).find("sum: the dimension must be within rank 2"),
            std::string::npos);
  EXPECT_NE(message_of<ShapeError>([&] { mean(x, {.dims = {1, -1}}); }).find("mean: "), std::string::npos);
}

TEST(Mean, OfNothingIsRefused) {
  EXPECT_NE(message_of<ShapeError>([] {
              mean(Tensor::zeros({0, 3}));
            }).find("mean: there must be elements"),
            std::string::npos);
  message_of<ShapeError>([] { mean(Tensor::zeros({2, 0}), {.dims = {1}}); });
  EXPECT_EQ(mean(Tensor::zeros({0, 3}), {.dims = {1}}).shape(), Shape({0}));
}

TEST(Max, FindsTheLargestElement) {
  const Tensor x = Tensor::from<float>({1, -5, 3, 2, 9, -kInf}, {2, 3});
  EXPECT_EQ(max(x).item<float>(), 9);
  golden::expect_equal(max(x, {.dims = {1}}), Tensor::from<float>({3, 9}, {2}));
  golden::expect_equal(max(x, {.dims = {0}}), Tensor::from<float>({2, 9, 3}, {3}));
  EXPECT_EQ(max(Tensor::full({50000}, -kInf)).item<float>(), -kInf);
}

TEST(Max, LetsNanWinWhereverItStands) {
  for (int64_t at = 0; at < 40; ++at) {
    Tensor x = Tensor::ones({40});
    x.mutable_data<float>()[at] = kNan;
    EXPECT_TRUE(std::isnan(max(x).item<float>())) << at;
    EXPECT_TRUE(std::isnan(max(reshape(x, {20, 2}), {.dims = {0}}).data<float>()[at % 2])) << at;
    EXPECT_EQ(max(reshape(x, {20, 2}), {.dims = {0}}).data<float>()[1 - at % 2], 1) << at;
  }
}

TEST(Max, SharesTheGradientEvenlyAmongTies) {
  Tensor x = Tensor::from<float>({4, 1, 4, 4, 2, 7}, {2, 3}).set_requires_grad();
  max(x, {.dims = {1}}).backward(Tensor::from<float>({3, 5}, {2}));
  golden::expect_equal(x.grad(), Tensor::from<float>({1.5, 0, 1.5, 0, 0, 5}, {2, 3}));
}

TEST(Max, GivesTheGradientToTheNanThatWon) {
  Tensor x = Tensor::from<float>({4, kNan, 2}, {3}).set_requires_grad();
  max(x).backward();
  golden::expect_equal(x.grad(), Tensor::from<float>({0, 1, 0}, {3}));
}

TEST(Max, OfNothingIsRefused) {
  EXPECT_NE(message_of<ShapeError>([] { max(Tensor::zeros({0})); }).find("max: "), std::string::npos);
  message_of<ShapeError>([] { max(Tensor::zeros({2, 0}), {.dims = {1}}); });
  EXPECT_NE(message_of<StateError>([] { max(Tensor()); }).find("max: "), std::string::npos);
}

TEST(Argmax, FindsTheLowestIndexOfTheLargest) {
  const Tensor x = Tensor::from<float>({1, 3, 3, 5, 2, 5}, {2, 3});
  golden::expect_equal(argmax(x), Tensor::from<int64_t>({1, 0}, {2}));
  golden::expect_equal(argmax(x, 0), Tensor::from<int64_t>({1, 0, 1}, {3}));
  golden::expect_equal(argmax(Tensor::from<int32_t>({4, 9}, {2})), Tensor::from<int64_t>({1}, {}));
}

TEST(Argmax, TakesAMiddleDimension) {
  const Tensor x = Tensor::from<float>({1, 8, 3, 4, 5, 6, 7, 2, 9, 0, 1, 2}, {2, 3, 2});
  golden::expect_equal(argmax(x, 1), Tensor::from<int64_t>({2, 0, 1, 0}, {2, 2}));
}

TEST(Argmax, LetsTheFirstNanWin) {
  golden::expect_equal(argmax(Tensor::from<float>({kNan, 3, kNan, 1, kNan, kNan}, {2, 3})),
                       Tensor::from<int64_t>({0, 1}, {2}));
}

TEST(Argmax, RefusesEmptyDimensionsAndScalars) {
  EXPECT_NE(message_of<ShapeError>([] {
              argmax(Tensor::zeros({2, 0}));
            }).find("dimension 1 of [2, 0]"),
            std::string::npos);
  message_of<ShapeError>([] { argmax(Tensor::zeros({})); });
  EXPECT_EQ(argmax(Tensor::zeros({0, 2})).shape(), Shape({0}));
}

}  // namespace
}  // namespace gossamer::test_reduce
