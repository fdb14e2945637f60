// Scalar specification of the CSR kernels for T = float or double. See kernels/csr.h for the contracts.
// float64 runs these in production, hence the contiguous inner loops over the width of the tile.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/stream.h"

namespace gossamer::kernels::reference {

template <typename T>
void pack_tile(const T* x, int64_t ld, int samples, int64_t features, int width, T* tile) noexcept {
  for (int64_t k = 0; k < features; ++k) {
    T* row = tile + k * width;
    for (int n = 0; n < samples; ++n) row[n] = x[n * ld + k];
    std::fill(row + samples, row + width, T(0));
  }
}

template <typename T>
void unpack_tile(const T* tile, int width, int samples, int64_t features, T* y, int64_t ld) noexcept {
  for (int n = 0; n < samples; ++n) {
    T* out = y + n * ld;
    for (int64_t m = 0; m < features; ++m) out[m] = tile[m * width + n];
  }
}

template <typename T>
void csr_forward_tile(const CsrStream& w, const T* values, int64_t block, const T* x_tile, int width, const T* bias,
                      T* y_tile) noexcept {
  const int64_t block_rows = std::min(w.block_rows, w.rows - block * w.block_rows);
  for (int64_t row = 0; row < block_rows; ++row) {
    std::fill_n(y_tile + row * width, width, bias == nullptr ? T(0) : bias[row]);
  }
  for (int64_t panel = 0; panel < w.panels(); ++panel) {
    const int64_t cell = block * w.panels() + panel;
    const T* x_panel = x_tile + panel * w.panel_cols * width;
    int64_t slot = w.slot_begin[cell];
    for (int64_t s = w.segment_begin[cell]; s < w.segment_begin[cell + 1]; ++s) {
      T* y = y_tile + int64_t{w.segments[s].row} * width;
      for (const int64_t end = slot + w.segments[s].count; slot < end; ++slot) {
        const T* x = x_panel + int64_t{w.col[slot]} * width;
        for (int n = 0; n < width; ++n) y[n] += values[slot] * x[n];
      }
    }
  }
}

template <typename T>
void csr_weight_grad_tile(const CsrStream& w, int64_t block, int64_t panel_begin, int64_t panel_end, const T* dy_tile,
                          const T* x_tile, int width, bool accumulate, T* grad) noexcept {
  for (int64_t panel = panel_begin; panel < panel_end; ++panel) {
    const int64_t cell = block * w.panels() + panel;
    const T* x_panel = x_tile + panel * w.panel_cols * width;
    int64_t slot = w.slot_begin[cell];
    for (int64_t s = w.segment_begin[cell]; s < w.segment_begin[cell + 1]; ++s) {
      const T* dy = dy_tile + int64_t{w.segments[s].row} * width;
      for (const int64_t end = slot + w.segments[s].count; slot < end; ++slot) {
        const T* x = x_panel + int64_t{w.col[slot]} * width;
        T sum = T(0);
        for (int n = 0; n < width; ++n) sum += dy[n] * x[n];
        grad[slot] = accumulate ? grad[slot] + sum : sum;
      }
    }
  }
}

// dense[row in block][col - first col of panel_begin] = the cells of panels [panel_begin, panel_end) of one block,
// zeros included; rows lie `ld` elements apart.
template <typename T>
void csr_scatter_cells(const CsrStream& w, const T* values, int64_t block, int64_t panel_begin, int64_t panel_end,
                       T* dense, int64_t ld) noexcept {
  const int64_t block_rows = std::min(w.block_rows, w.rows - block * w.block_rows);
  for (int64_t panel = panel_begin; panel < panel_end; ++panel) {
    const int64_t cell = block * w.panels() + panel;
    T* const to = dense + (panel - panel_begin) * w.panel_cols;
    const int64_t cols = std::min(w.panel_cols, w.cols - panel * w.panel_cols);
    const Segment* const end = w.segments + w.segment_begin[cell + 1];
    const Segment* const begin = w.segments + w.segment_begin[cell];
    // Where every row has a segment it is cleared just before it is filled, while it is in L1.
    const bool all_rows = end - begin == block_rows;
    for (int64_t row = 0; !all_rows && row < block_rows; ++row) std::fill_n(to + row * ld, cols, T(0));
    int64_t slot = w.slot_begin[cell];
    for (const Segment* segment = begin; segment < end; ++segment) {
      T* const row = to + segment->row * ld;
      if (all_rows) std::fill_n(row, cols, T(0));
      for (const int64_t last = slot + segment->count; slot < last; ++slot) row[w.col[slot]] = values[slot];
    }
  }
}

// values[slot] = its element of `dense`: the inverse.
template <typename T>
void csr_gather_cells(const CsrStream& w, const T* dense, int64_t ld, int64_t block, int64_t panel_begin,
                      int64_t panel_end, T* values) noexcept {
  for (int64_t panel = panel_begin; panel < panel_end; ++panel) {
    const int64_t cell = block * w.panels() + panel;
    const T* const from = dense + (panel - panel_begin) * w.panel_cols;
    int64_t slot = w.slot_begin[cell];
    for (int64_t s = w.segment_begin[cell]; s < w.segment_begin[cell + 1]; ++s) {
      const T* const row = from + w.segments[s].row * ld;
      for (const int64_t last = slot + w.segments[s].count; slot < last; ++slot) values[slot] = row[w.col[slot]];
    }
  }
}

template <typename T>
void csr_forward_vector(const CsrStream& w, const T* values, int64_t block, const T* x, const T* bias, T* y) noexcept {
  reference::csr_forward_tile(w, values, block, x, 1, bias, y);
}

template <typename T>
void csr_weight_grad_vector(const CsrStream& w, int64_t block, int64_t panel_begin, int64_t panel_end, const T* dy,
                            const T* x, T* grad) noexcept {
  reference::csr_weight_grad_tile(w, block, panel_begin, panel_end, dy, x, 1, false, grad);
}

}  // namespace gossamer::kernels::reference
