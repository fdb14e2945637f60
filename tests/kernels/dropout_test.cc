// The dropout kernels on every target against kernels/reference, bit for bit: masks are part of a run's results.
#include "kernels/dropout.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "kernels/reference/dropout.h"
#include "tests/kernels/guarded_array.h"
#include "tests/kernels/simd_target_test.h"

namespace gossamer::kernels::dropout_test {
namespace {

using testing::fill_uniform;
using testing::GuardedArray;

class DropoutTest : public testing::SimdTargetTest {};
GOSSAMER_ON_EVERY_SIMD_TARGET(DropoutTest);

// Of blocks, the last before the low word of the counter wraps around within a vector.
constexpr uint64_t kWraps = 4 * ((uint64_t{1} << 32) - 3);
constexpr DropoutMask kMask{0x123456789abcdef0, 0x40000000};

TEST_P(DropoutTest, RowsEqualTheReference) {
  for (const uint64_t first : {uint64_t{0}, uint64_t{400}, kWraps}) {
    for (const int64_t n : {0, 1, 3, 4, 15, 16, 17, 63, 64, 65, 130, 259}) {
      SCOPED_TRACE(::testing::Message() << n << " from " << first);
      GuardedArray<float> x(n), y(n), expected(n);
      fill_uniform(x.span(), 1);
      dropout_row(kMask, first, n, 1.25F, x.data(), y.data());
      reference::dropout_row(kMask, first, n, 1.25F, x.data(), expected.data());
      for (int64_t i = 0; i < n; ++i) ASSERT_EQ(y[i], expected[i]) << i;
    }
  }
}

TEST_P(DropoutTest, TilesEqualTheReferenceAndRows) {
  for (const uint64_t first : {uint64_t{0}, uint64_t{400}, kWraps}) {
    for (const int width : {8, 16, 32, 64}) {
      for (const int64_t features : {0, 4, 36}) {
        SCOPED_TRACE(::testing::Message() << features << " x " << width << " from " << first);
        const int64_t size = features * width;
        GuardedArray<float> x(size), y(size), expected(size), row(features), kept(features);
        fill_uniform(x.span(), 1);
        dropout_tile(kMask, first, features, width, 1.25F, x.data(), y.data());
        reference::dropout_tile(kMask, first, features, width, 1.25F, x.data(), expected.data());
        for (int64_t i = 0; i < size; ++i) ASSERT_EQ(y[i], expected[i]) << i;
        for (int64_t lane = 0; lane < width; ++lane) {
          for (int64_t f = 0; f < features; ++f) row[f] = x[f * width + lane];
          dropout_row(kMask, first + static_cast<uint64_t>(lane * features), features, 1.25F, row.data(), kept.data());
          for (int64_t f = 0; f < features; ++f) ASSERT_EQ(y[f * width + lane], kept[f]) << lane << ", " << f;
        }
      }
    }
  }
}

}  // namespace
}  // namespace gossamer::kernels::dropout_test
