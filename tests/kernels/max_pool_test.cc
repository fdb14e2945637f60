// Max pooling on every target against kernels/reference, at lengths around the vector width, with ties and NaN.
#include "kernels/max_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/reference/max_pool.h"
#include "tests/kernels/guarded_array.h"
#include "tests/kernels/simd_target_test.h"

namespace gossamer::kernels::max_pool_test {
namespace {

using testing::fill_uniform;
using testing::GuardedArray;

class MaxPoolTest : public testing::SimdTargetTest {};
GOSSAMER_ON_EVERY_SIMD_TARGET(MaxPoolTest);

// Few different values, a NaN in ten and some infinities.
void fill(GuardedArray<float>& x, uint32_t seed) {
  fill_uniform(x.span(), seed);
  for (float& value : x.span()) {
    value = std::floor(10 * value);
    if (value == 9) value = std::numeric_limits<float>::quiet_NaN();
    if (value == 8) value = std::numeric_limits<float>::quiet_NaN();
    if (value == -10) value = -std::numeric_limits<float>::infinity();
  }
}

bool same(const GuardedArray<float>& x, const std::vector<float>& y) {
  return std::memcmp(x.data(), y.data(), y.size() * sizeof(float)) == 0;
}

TEST_P(MaxPoolTest, OfRowsIsThatOfTheReference) {
  for (int64_t n = 1; n <= 70; ++n) {
    for (const int64_t rows : {1, 2, 3, 7}) {
      const int64_t step = n + 3;
      GuardedArray<float> x((rows - 1) * step + n);
      fill(x, static_cast<uint32_t>(100 * n + rows));
      GuardedArray<float> best(n);
      GuardedArray<int32_t> at(n);
      std::vector<float> expected(static_cast<size_t>(n));
      std::vector<int32_t> expected_at(static_cast<size_t>(n));
      best_of_rows(rows, step, n, x.data(), 5, best.data(), at.data());
      reference::best_of_rows(rows, step, n, x.data(), 5, expected.data(), expected_at.data());
      ASSERT_TRUE(same(best, expected)) << n << ", " << rows;
      ASSERT_TRUE(std::ranges::equal(at.span(), expected_at)) << n << ", " << rows;
    }
  }
}

TEST_P(MaxPoolTest, OfWindowsIsThatOfTheReference) {
  for (int64_t n = 1; n <= 40; ++n) {
    for (const int64_t taps : {1, 2, 3, 5}) {
      for (const int64_t step : {1, 2}) {
        const int64_t length = n + (taps - 1) * step + kMaxPoolSlack;
        GuardedArray<float> x(length);
        fill(x, static_cast<uint32_t>(100 * n + 10 * taps + step));
        GuardedArray<int32_t> at(length);
        for (int64_t i = 0; i < length; ++i) at[i] = static_cast<int32_t>(i * 37 % length);
        GuardedArray<float> best(n + kMaxPoolSlack);
        GuardedArray<int32_t> best_at(n + kMaxPoolSlack);
        std::vector<float> expected(static_cast<size_t>(n));
        std::vector<int32_t> expected_at(static_cast<size_t>(n));
        best_of_windows(taps, step, n, x.data(), at.data(), best.data(), best_at.data());
        reference::best_of_windows(taps, step, n, x.data(), at.data(), expected.data(), expected_at.data());
        ASSERT_TRUE(same(best, expected)) << n << ", " << taps << ", " << step;
        ASSERT_TRUE(std::ranges::equal(best_at.span().first(expected_at.size()), expected_at))
            << n << ", " << taps << ", " << step;
      }
    }
  }
}

}  // namespace
}  // namespace gossamer::kernels::max_pool_test
