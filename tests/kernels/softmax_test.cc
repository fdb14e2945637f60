// Rows of softmax on every target against kernels/reference, at every length around the vector width.
#include "kernels/softmax.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/reference/softmax.h"
#include "tests/kernels/guarded_array.h"
#include "tests/kernels/simd_target_test.h"

namespace gossamer::kernels::softmax_test {
namespace {

using testing::fill_uniform;
using testing::GuardedArray;

constexpr int64_t kMaxLength = 70;  // more than four vectors of 16

class SoftmaxTest : public testing::SimdTargetTest {};
GOSSAMER_ON_EVERY_SIMD_TARGET(SoftmaxTest);

template <class T>
void expect_near(const GuardedArray<T>& actual, const GuardedArray<T>& expected, T scale) {
  const T tolerance = 8 * std::numeric_limits<T>::epsilon() * scale;
  for (int64_t i = 0; i < actual.size(); ++i) {
    ASSERT_NEAR(actual[i], expected[i], tolerance) << actual.size() << " at " << i;
  }
}

// Far from zero too, and in place.
template <class T>
void expect_rows_of_the_reference() {
  for (int64_t n = 1; n <= kMaxLength; ++n) {
    GuardedArray<T> x(n), dy(n), y(n), dx(n), expected(n), expected_dx(n);
    fill_uniform(x.span(), 1, 20);
    fill_uniform(dy.span(), 2);
    for (int64_t i = 0; i < n; ++i) x[i] += 500;

    softmax(n, x.data(), y.data());
    reference::softmax(n, x.data(), expected.data());
    expect_near(y, expected, T(1));
    softmax_grad(n, y.data(), dy.data(), dx.data());
    reference::softmax_grad(n, y.data(), dy.data(), expected_dx.data());
    expect_near(dx, expected_dx, T(1));
    softmax_grad(n, y.data(), dy.data(), y.data());
    for (int64_t i = 0; i < n; ++i) ASSERT_EQ(y[i], dx[i]) << n << " at " << i;

    log_softmax(n, x.data(), y.data());
    reference::log_softmax(n, x.data(), expected.data());
    expect_near(y, expected, T(64));
    log_softmax_grad(n, y.data(), dy.data(), dx.data());
    reference::log_softmax_grad(n, y.data(), dy.data(), expected_dx.data());
    expect_near(dx, expected_dx, T(8));
    log_softmax(n, x.data(), x.data());
    for (int64_t i = 0; i < n; ++i) ASSERT_EQ(x[i], y[i]) << n << " at " << i;
  }
}

TEST_P(SoftmaxTest, RowsAndGradientsEqualTheReference) {
  expect_rows_of_the_reference<float>();
  expect_rows_of_the_reference<double>();
}

TEST_P(SoftmaxTest, ARowWithNanIsNanAndAnImpossibleEntryIsZero) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const int64_t n : {1, 5, 16, 40}) {
    for (int64_t at = 0; at < n; ++at) {
      GuardedArray<float> x(n), y(n);
      fill_uniform(x.span(), 3);
      x[at] = std::numeric_limits<float>::quiet_NaN();
      softmax(n, x.data(), y.data());
      for (int64_t i = 0; i < n; ++i) ASSERT_TRUE(std::isnan(y[i])) << n << " at " << at;
      log_softmax(n, x.data(), y.data());
      for (int64_t i = 0; i < n; ++i) ASSERT_TRUE(std::isnan(y[i])) << n << " at " << at;
      if (n == 1) continue;
      x[at] = -kInfinity;
      softmax(n, x.data(), y.data());
      EXPECT_EQ(y[at], 0.0F);
      EXPECT_NEAR(reference::sum(n, y.data()), 1, 1e-6);
      log_softmax(n, x.data(), y.data());
      EXPECT_EQ(y[at], -kInfinity);
    }
  }
}

}  // namespace
}  // namespace gossamer::kernels::softmax_test
