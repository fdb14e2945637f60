// The layout rule: legal, bounded, and a function of sizes alone.
#include "kernels/layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "kernels/stream.h"

namespace gossamer::kernels::layout_test {
namespace {

int64_t cells(int64_t rows, int64_t cols, const StreamLayout& layout) {
  return ((rows + layout.block_rows - 1) / layout.block_rows) * ((cols + layout.panel_cols - 1) / layout.panel_cols);
}

TEST(ChooseLayout, FitsThe16BitFieldsOfTheStreamForEveryShape) {
  for (const int64_t rows : {0L, 1L, 10L, 1000L, 65535L, 65536L, 10'000'000L}) {
    for (const int64_t cols : {0L, 1L, 10L, 1000L, 65535L, 65536L, 10'000'000L}) {
      for (const double density : {0.0, 1e-6, 0.01, 0.1, 0.5, 1.0}) {
        const auto nnz = static_cast<int64_t>(density * static_cast<double>(rows) * static_cast<double>(cols));
        const StreamLayout layout = choose_layout(rows, cols, nnz);
        EXPECT_GE(layout.block_rows, 1);
        EXPECT_LE(layout.block_rows, std::clamp<int64_t>(rows, 1, 65535));
        EXPECT_GE(layout.panel_cols, 1);
        EXPECT_LE(layout.panel_cols, std::clamp<int64_t>(cols, 1, 65535));
      }
    }
  }
}

TEST(ChooseLayout, HasFewerCellsThanAnEighthOfTheConnections) {
  const struct {
    int64_t rows, cols, nnz;
  } shapes[] = {{1024, 1024, 100'000},
                {1024, 1024, 100},
                {100'000, 100'000, 1'000'000},
                {1'000'000, 1'000'000, 10'000'000},
                {10'000'000, 10'000'000, 100'000'000},
                {10'000'000, 10, 1'000'000},
                {10, 10'000'000, 1'000'000}};
  for (const auto& shape : shapes) {
    const StreamLayout layout = choose_layout(shape.rows, shape.cols, shape.nnz);
    EXPECT_LE(cells(shape.rows, shape.cols, layout), shape.nnz / 8)
        << shape.rows << " x " << shape.cols << " with " << shape.nnz;
  }
}

TEST(ChooseLayout, GrowsToTheLimitWhenThereAreTooFewConnections) {
  const StreamLayout layout = choose_layout(10'000'000, 10'000'000, 16);
  EXPECT_EQ(layout.block_rows, 65535);
  EXPECT_EQ(layout.panel_cols, 65535);
}

TEST(ChooseTileWidth, IsTheNarrowestThatHoldsFewSamples) {
  EXPECT_EQ(choose_tile_width(1), 8);
  EXPECT_EQ(choose_tile_width(8), 8);
  EXPECT_EQ(choose_tile_width(9), 16);
  EXPECT_EQ(choose_tile_width(17), 32);
}

TEST(ChooseTileWidth, IsWideUnlessMostOfTheLastTileStaysEmpty) {
  EXPECT_EQ(choose_tile_width(64), 64);
  EXPECT_EQ(choose_tile_width(65), 32);
  EXPECT_EQ(choose_tile_width(128), 64);
  EXPECT_EQ(choose_tile_width(1025), 64);
}

TEST(ChooseTileWidth, IsAWidthTheKernelsHave) {
  for (int64_t samples = 0; samples < 300; ++samples) {
    const int width = choose_tile_width(samples);
    EXPECT_NE(std::find(std::begin(kTileWidths), std::end(kTileWidths), width), std::end(kTileWidths));
  }
}

}  // namespace
}  // namespace gossamer::kernels::layout_test
