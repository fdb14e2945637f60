// pack_tile and unpack_tile: exact against the reference, on every target, at every size around the vector width.
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/csr.h"
#include "kernels/reference/csr.h"
#include "tests/kernels/guarded_array.h"
#include "tests/kernels/simd_target_test.h"

namespace gossamer::kernels::tile_test {
namespace {

using testing::fill_uniform;
using testing::GuardedArray;

// The last two are longer than the block that the kernels work on, at widths of 64 and of 8.
const std::vector<int64_t> kFeatures = {1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 20, 31, 32, 33, 67, 515};

// Every number of samples; for long tiles, to save time, only the two at the end.
int first_samples(int width, int64_t features) { return features > 64 ? width - 1 : 1; }

class TileTest : public testing::SimdTargetTest {};
GOSSAMER_ON_EVERY_SIMD_TARGET(TileTest);

TEST_P(TileTest, PackTransposesAndFillsMissingSamplesWithZeros) {
  for (const int width : kTileWidths) {
    for (const int64_t features : kFeatures) {
      for (int samples = first_samples(width, features); samples <= width; ++samples) {
        for (const int64_t gap : {0, 3}) {
          SCOPED_TRACE(::testing::Message()
                       << "width " << width << " samples " << samples << " features " << features << " gap " << gap);
          const int64_t ld = features + gap;
          GuardedArray<float> x((samples - 1) * ld + features);  // nothing behind the last feature of the last sample
          fill_uniform(x.span(), 1);
          GuardedArray<float> tile(features * width, 64);
          for (float& value : tile.span()) value = std::numeric_limits<float>::quiet_NaN();
          std::vector<float> expected(static_cast<size_t>(features * width));

          pack_tile(x.data(), ld, samples, features, width, tile.data());

          reference::pack_tile(x.data(), ld, samples, features, width, expected.data());
          for (int64_t i = 0; i < tile.size(); ++i) ASSERT_EQ(tile[i], expected[static_cast<size_t>(i)]) << "at " << i;
        }
      }
    }
  }
}

TEST_P(TileTest, UnpackLeavesTheGapsBetweenRowsAlone) {
  constexpr float kUntouched = 77.0f;
  for (const int width : kTileWidths) {
    for (const int64_t features : kFeatures) {
      for (int samples = first_samples(width, features); samples <= width; ++samples) {
        for (const int64_t gap : {0, 3}) {
          SCOPED_TRACE(::testing::Message()
                       << "width " << width << " samples " << samples << " features " << features << " gap " << gap);
          const int64_t ld = features + gap;
          GuardedArray<float> tile(features * width, 64);
          fill_uniform(tile.span(), 2);
          GuardedArray<float> y((samples - 1) * ld + features);
          for (float& value : y.span()) value = kUntouched;
          std::vector<float> expected(static_cast<size_t>(y.size()), kUntouched);

          unpack_tile(tile.data(), width, samples, features, y.data(), ld);

          reference::unpack_tile(tile.data(), width, samples, features, expected.data(), ld);
          for (int64_t i = 0; i < y.size(); ++i) ASSERT_EQ(y[i], expected[static_cast<size_t>(i)]) << "at " << i;
        }
      }
    }
  }
}

TEST(ReferenceTile, PackTransposesAHandWrittenMatrix) {
  const std::vector<double> x = {1, 2, 3, -1, 4, 5, 6, -1};  // two samples of three features, stride 4
  std::vector<double> tile(3 * 8, 9.0);
  reference::pack_tile(x.data(), 4, 2, 3, 8, tile.data());
  EXPECT_EQ(tile, (std::vector<double>{1, 4, 0, 0, 0, 0, 0, 0, 2, 5, 0, 0, 0, 0, 0, 0, 3, 6, 0, 0, 0, 0, 0, 0}));
}

TEST(ReferenceTile, UnpackWritesTransposedRows) {
  std::vector<float> tile(3 * 8);
  for (size_t m = 0; m < 3; ++m) {
    for (size_t n = 0; n < 2; ++n) tile[m * 8 + n] = static_cast<float>(10 * m + n);
  }
  std::vector<float> y(8, -1.0f);
  reference::unpack_tile(tile.data(), 8, 2, 3, y.data(), 4);
  EXPECT_EQ(y, (std::vector<float>{0, 10, 20, -1, 1, 11, 21, -1}));
}

}  // namespace
}  // namespace gossamer::kernels::tile_test
