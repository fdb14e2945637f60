// A sparse matrix as the CSR kernels read it, and the tiles of a batch.
#pragma once

#include <cstdint>

namespace gossamer::kernels {

// A run of consecutive slots that belong to one row of the block.
struct Segment {
  uint16_t row;    // row within the row block
  uint16_t count;  // nonzeros in the run; 0 in a first panel only
};

// A sparse matrix in the order in which the kernels stream it: row block, then column panel, then segment, then column.
// Slot s of the stream is values[s]. Inside a (block, panel) cell the segments are sorted by descending count, ties by
// row: the trip count of the inner loop then predicts well. The first panel has a segment for every row of the block,
// if only an empty one: sums begin there, and need no pass that clears them.
struct CsrStream {
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t block_rows = 1;                  // rows per block, at most 65535; the last block may be shorter
  int64_t panel_cols = 1;                  // columns per panel, at most 65535; the last panel may be narrower
  const int64_t* segment_begin = nullptr;  // [blocks * panels + 1]: first segment of cell block * panels + panel
  const int64_t* slot_begin = nullptr;     // [blocks * panels + 1]: first slot of the cell
  const Segment* segments = nullptr;
  const uint16_t* col = nullptr;  // [nnz] column within the panel, ascending inside a segment

  int64_t blocks() const noexcept { return (rows + block_rows - 1) / block_rows; }
  int64_t panels() const noexcept { return (cols + panel_cols - 1) / panel_cols; }
  int64_t nnz() const noexcept { return slot_begin[blocks() * panels()]; }
};

// Memory that the caller reads next. A kernel fetches it into L2 while it computes, in even portions. Only a hint.
struct FetchAhead {
  const float* data = nullptr;
  int64_t floats = 0;
};

// Widths of a batch tile, in samples. A tile is stored [features][width], 64-byte aligned.
inline constexpr int kTileWidths[] = {8, 16, 32, 64};

}  // namespace gossamer::kernels
