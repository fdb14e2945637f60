// How a pattern is cut into row blocks, column panels and batch tiles. Pure functions of sizes: the same everywhere.
#pragma once

#include <cstdint>

namespace gossamer::kernels {

struct StreamLayout {
  int64_t block_rows;  // 1 to min(rows, 65535), and 1 when there are no rows
  int64_t panel_cols;  // 1 to min(cols, 65535), and 1 when there are no columns
};

// The cut for a rows x cols pattern with nnz connections. There are at most max(1, nnz / 8) cells, as far as the limits
// allow.
StreamLayout choose_layout(int64_t rows, int64_t cols, int64_t nnz) noexcept;

// The tile width, one of kTileWidths, for a batch of `samples` samples. The same for every pattern, so that layers
// which follow one another pass their tiles on.
int choose_tile_width(int64_t samples) noexcept;

}  // namespace gossamer::kernels
