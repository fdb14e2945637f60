// Reductions on every target against kernels/reference, at every length around the vector width.
#include "kernels/reduce.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/reference/reduce.h"
#include "tests/kernels/guarded_array.h"
#include "tests/kernels/simd_target_test.h"

namespace gossamer::kernels::reduce_test {
namespace {

using testing::fill_uniform;
using testing::GuardedArray;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int64_t kMaxLength = 70;  // more than four vectors of 16

class ReduceTest : public testing::SimdTargetTest {};
GOSSAMER_ON_EVERY_SIMD_TARGET(ReduceTest);

template <class T>
void expect_sums_of_the_reference() {
  for (int64_t n = 0; n <= kMaxLength; ++n) {
    GuardedArray<T> x(n), y(n);
    fill_uniform(x.span(), 1);
    fill_uniform(y.span(), 2);
    const double tolerance = 1e-15 * static_cast<double>(n);
    EXPECT_NEAR(sum(n, x.data()), reference::sum(n, x.data()), tolerance) << n;
    EXPECT_NEAR(dot(n, x.data(), y.data()), reference::dot(n, x.data(), y.data()), tolerance) << n;
    if (n == 0) continue;
    EXPECT_EQ(largest(n, x.data()), reference::largest(n, x.data())) << n;
  }
}

TEST_P(ReduceTest, SumsDotsAndLargestEqualTheReference) {
  expect_sums_of_the_reference<float>();
  expect_sums_of_the_reference<double>();
}

template <class T>
void expect_exponentials_of_the_reference(double shift) {
  constexpr T kEpsilon = std::numeric_limits<T>::epsilon();
  for (int64_t n = 0; n <= kMaxLength; ++n) {
    GuardedArray<T> x(n);
    fill_uniform(x.span(), 3);
    for (int64_t i = 0; i < n; ++i) x[i] = 30 * x[i] + static_cast<T>(shift);
    GuardedArray<T> y(n), expected(n);
    const double actual_sum = exp_minus(n, x.data(), shift, y.data());
    const double expected_sum = reference::exp_minus(n, x.data(), shift, expected.data());
    EXPECT_NEAR(actual_sum, expected_sum, 4 * static_cast<double>(kEpsilon) * expected_sum) << n;
    EXPECT_EQ(sum_exp_minus(n, x.data(), shift), actual_sum) << n;
    for (int64_t i = 0; i < n; ++i) ASSERT_NEAR(y[i], expected[i], 2 * kEpsilon * expected[i]) << n << " at " << i;
  }
}

TEST_P(ReduceTest, ExponentialsOfDifferencesEqualTheReferenceFarFromZeroToo) {
  // The last is no float.
  for (const double shift : {0.0, 1000.0, -1000.0, 1000.1}) {
    expect_exponentials_of_the_reference<float>(shift);
    expect_exponentials_of_the_reference<double>(shift);
  }
}

TEST_P(ReduceTest, ExponentialsKeepNanAndInfinityWhereverTheyStand) {
  for (const int64_t n : {1, 40}) {
    GuardedArray<float> x(n), y(n);
    x[0] = kNan;
    EXPECT_TRUE(std::isnan(exp_minus(n, x.data(), 0, y.data())));
    EXPECT_TRUE(std::isnan(y[0]));
    x[0] = kInfinity;
    EXPECT_EQ(exp_minus(n, x.data(), 0, y.data()), kInfinity);
    x[0] = -kInfinity;
    exp_minus(n, x.data(), 0, y.data());
    EXPECT_EQ(y[0], 0.0f);
    x[0] = 200.0f;
    exp_minus(n, x.data(), 0, y.data());
    EXPECT_EQ(y[0], kInfinity);
  }
}

TEST_P(ReduceTest, SumOfSquaresIsAccurateAndRepeatable) {
  for (const int64_t n : {0, 1, 3, 8, 15, 16, 31, 32, 33, 64, 65, 1000, 4099}) {
    GuardedArray<float> x(n);
    fill_uniform(x.span(), 4);
    const double sum = sum_of_squares(n, x.data());
    EXPECT_NEAR(sum, reference::sum_of_squares(n, x.data()), 1e-15 * static_cast<double>(n) * sum);
    EXPECT_EQ(sum, sum_of_squares(n, x.data()));
  }
  const std::vector<float> large(100, 3e38f);  // squares beyond the range of float
  EXPECT_NEAR(sum_of_squares(100, large.data()) / 9e78, 1.0, 1e-6);
}

TEST_P(ReduceTest, AllFiniteFindsOneBadElementWhereverItStands) {
  for (int64_t n = 0; n <= kMaxLength; ++n) {
    GuardedArray<float> x(n);
    fill_uniform(x.span(), 5);
    ASSERT_TRUE(all_finite(n, x.data())) << "n " << n;
    for (int64_t i = 0; i < n; ++i) {
      for (const float bad : {kNan, kInfinity, -kInfinity}) {
        const float good = x[i];
        x[i] = bad;
        ASSERT_FALSE(all_finite(n, x.data())) << "n " << n << " at " << i;
        x[i] = good;
      }
    }
  }
  const float largest = std::numeric_limits<float>::max();
  EXPECT_TRUE(all_finite(1, &largest));
}

}  // namespace
}  // namespace gossamer::kernels::reduce_test
