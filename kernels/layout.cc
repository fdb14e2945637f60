// The layout rule, from sweeps over row blocks, panels and widths on Zen 4 and Zen 5 cores (AVX-512 and AVX2): the six
// shapes of docs/kernels.md and 4096 to 16384 square at 50 to 99.9 % sparsity, products between tile-major batches.
#include "kernels/layout.h"

#include <algorithm>
#include <cstdint>

namespace gossamer::kernels {

namespace {

constexpr int64_t kLimit = 65535;     // rows of a block and columns of a panel are stored in 16 bits
constexpr int64_t kSlotsPerCell = 8;  // on average at least; the grid of an almost empty matrix must not outgrow it

double density(int64_t rows, int64_t cols, int64_t nnz) {
  return static_cast<double>(nnz) / (static_cast<double>(rows) * static_cast<double>(cols));
}

// Below this, no cell that lives in L2 holds a product per row. In larger cells sums and inputs come from the
// last-level cache, which are fetched ahead: 10^6 x 10^6 with ten connections a row takes 0.64 of the time.
constexpr double kHyperSparse = 5e-4;

// A panel is wide enough to give each of its rows some 13 products, which pay for a visit to the row's sums. Of 64
// samples, 128 columns fill L1: 64 and 256 lose 5 to 10 % at 90 %. From 256 columns on a panel lives in L2, and above
// 1024 it needs few products a row to beat more panels (99.8 %: 8192 with 8 products, 42 GFLOP/s; 2048, 34).
int64_t panel_cols_for(double density) {
  if (density >= 0.07) return 128;
  if (density >= 0.04) return 256;  // at 95 %: 10 % faster than 512, 5 % than 128
  if (density >= 0.025) return 512;
  constexpr double kProducts = 8;
  if (density < kHyperSparse) return 32768;
  return std::clamp(static_cast<int64_t>(kProducts / std::max(density, 1e-6)), int64_t{1024}, int64_t{8192});
}

// Four blocks share a matrix among threads when a batch is one tile. Larger ones read the panels less often (1024 rows
// instead of 512 gain 5 % at 4096 x 1024), until the sums of a block leave L2.
int64_t block_rows_for(int64_t rows, double density) {
  if (density < kHyperSparse) return 16384;
  const int64_t most = density >= 0.005 && density < 0.025 ? 2048 : 1024;
  return std::clamp((rows + 255) / 256 * 64, int64_t{256}, most);
}

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

StreamLayout choose_layout(int64_t rows, int64_t cols, int64_t nnz) noexcept {
  rows = std::max<int64_t>(rows, 1);
  cols = std::max<int64_t>(cols, 1);
  const int64_t max_block = std::min(rows, kLimit);
  const int64_t max_panel = std::min(cols, kLimit);
  const double kept = density(rows, cols, nnz);
  int64_t block = std::min(block_rows_for(rows, kept), max_block);
  int64_t panel = std::min(panel_cols_for(kept), max_panel);
  const int64_t max_cells = std::max<int64_t>(1, nnz / kSlotsPerCell);
  while (divide_up(rows, block) * divide_up(cols, panel) > max_cells && (block < max_block || panel < max_panel)) {
    // The smaller one first: sums and inputs are visited at random alike.
    if (block == max_block || (panel < max_panel && panel <= block)) {
      panel = std::min(2 * panel, max_panel);
    } else {
      block = std::min(2 * block, max_block);
    }
  }
  return {block, panel};
}

int choose_tile_width(int64_t samples) noexcept {
  if (samples <= 8) return 8;
  if (samples <= 16) return 16;
  if (samples <= 32) return 32;
  // 64 samples share an index and a value: 5 % faster than 32 forward, 10 to 30 % in the weight gradient. With few
  // tiles the lanes without a sample count: 65 samples are three tiles of 32, or two of 64.
  const bool wasteful = samples < 256 && (samples - 1) % 64 < 32;
  return wasteful ? 32 : 64;
}

}  // namespace gossamer::kernels
