// The layout rule: legal, bounded, and a function of sizes alone.
#include "kernels/layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace gossamer::kernels {
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
  CsrStream w;
  w.rows = w.cols = 1024;
  w.block_rows = w.panel_cols = 256;
  EXPECT_EQ(choose_tile_width(w, 100'000, 1), 8);
  EXPECT_EQ(choose_tile_width(w, 100'000, 8), 8);
  EXPECT_EQ(choose_tile_width(w, 100'000, 9), 16);
  EXPECT_EQ(choose_tile_width(w, 100'000, 17), 32);
}

TEST(ChooseTileWidth, IsWideForDenseRowsUnlessMostOfTheLastTileStaysEmpty) {
  CsrStream w;
  w.rows = w.cols = 1000;
  w.block_rows = w.panel_cols = 256;
  EXPECT_EQ(choose_tile_width(w, 200'000, 128), 64);
  EXPECT_EQ(choose_tile_width(w, 200'000, 65), 32);
  EXPECT_EQ(choose_tile_width(w, 200'000, 1025), 64);
  EXPECT_EQ(choose_tile_width(w, 20'000, 128), 32);
}

TEST(ChooseTileWidth, IsAWidthTheKernelsHaveForEverySize) {
  CsrStream w;
  w.block_rows = w.panel_cols = 256;
  for (const int64_t size : {1, 100, 4096}) {
    w.rows = w.cols = size;
    for (const int64_t nnz : {int64_t{0}, size, size * size / 2, size * size}) {
      for (const int64_t samples : {1, 7, 33, 64, 65, 1000}) {
        const int width = choose_tile_width(w, nnz, samples);
        EXPECT_NE(std::find(std::begin(kTileWidths), std::end(kTileWidths), width), std::end(kTileWidths));
      }
    }
  }
}

}  // namespace
}  // namespace gossamer::kernels
