// The largest and the smallest element on every target against kernels/reference, at every length around the vector
// width.
#include "kernels/extremes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/reference/extremes.h"
#include "tests/kernels/guarded_array.h"
#include "tests/kernels/simd_target_test.h"

namespace gossamer::kernels::extremes_test {
namespace {

using testing::fill_uniform;
using testing::GuardedArray;

constexpr int64_t kMaxLength = 150;  // more than eight vectors of 16

class ExtremesTest : public testing::SimdTargetTest {};
GOSSAMER_ON_EVERY_SIMD_TARGET(ExtremesTest);

template <class T>
void expect_extremes_of_the_reference() {
  constexpr T kInfinity = std::numeric_limits<T>::infinity();
  for (int64_t n = 1; n <= kMaxLength; ++n) {
    GuardedArray<T> x(n);
    std::vector<float> floats(static_cast<size_t>(n));
    fill_uniform(floats, static_cast<uint32_t>(n));
    for (int64_t i = 0; i < n; ++i) x[i] = static_cast<T>(floats[static_cast<size_t>(i)]);
    EXPECT_EQ(max(n, x.data()), reference::max(n, x.data())) << n;
    EXPECT_EQ(min(n, x.data()), reference::min(n, x.data())) << n;
    for (int64_t at = 0; at < n; ++at) {
      const T before = x[at];
      x[at] = std::numeric_limits<T>::quiet_NaN();
      ASSERT_TRUE(std::isnan(max(n, x.data()))) << n << " at " << at;
      ASSERT_TRUE(std::isnan(min(n, x.data()))) << n << " at " << at;
      x[at] = kInfinity;
      ASSERT_EQ(max(n, x.data()), kInfinity) << n << " at " << at;
      x[at] = -kInfinity;
      ASSERT_EQ(min(n, x.data()), -kInfinity) << n << " at " << at;
      x[at] = before;
    }
  }
}

TEST_P(ExtremesTest, AreThoseOfTheReferenceAndNanWinsWhereverItStands) {
  expect_extremes_of_the_reference<float>();
  expect_extremes_of_the_reference<double>();
}

}  // namespace
}  // namespace gossamer::kernels::extremes_test
