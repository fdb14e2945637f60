// The layout rule, from sweeps over row blocks, panels and widths on one Zen 4 core with AVX-512: 1024 x 1024, 1024 x
// 784, 4096 x 1024, 1024 x 4096 and 2048 x 2048 at 50 to 99.8 % sparsity and batches of 64 to 512.
#include "kernels/layout.h"

#include <algorithm>
#include <cstdint>

namespace gossamer::kernels {

namespace {

constexpr int64_t kLimit = 65535;     // rows of a block and columns of a panel are stored in 16 bits
constexpr int64_t kSlotsPerCell = 8;  // on average at least; the grid of an almost empty matrix must not outgrow it

// From here on a panel of 128 columns, 64 samples wide, gives each row enough products to pay for a visit to L1: 70 to
// 85 GFLOP/s. Below, panels in L2 with 32 samples are faster (at 95 % sparsity 59 GFLOP/s, against 54).
constexpr double kDense = 0.075;

double density(int64_t rows, int64_t cols, int64_t nnz) {
  return static_cast<double>(nnz) / (static_cast<double>(rows) * static_cast<double>(cols));
}

int64_t panel_cols_for(double density) {
  if (density >= kDense) return 128;  // 64 and 256 lose 5 to 10 %
  if (density >= 0.03) return 512;    // 256 and 1024 lose 5 %
  // Eight products for each row of a panel; a tile of 8192 columns, 1 MiB, no longer fits L2 beside the sums.
  constexpr double kProducts = 8;
  return std::clamp(static_cast<int64_t>(kProducts / std::max(density, 1e-6)), int64_t{1024}, int64_t{8192});
}

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

StreamLayout choose_layout(int64_t rows, int64_t cols, int64_t nnz) noexcept {
  rows = std::max<int64_t>(rows, 1);
  cols = std::max<int64_t>(cols, 1);
  const int64_t max_block = std::min(rows, kLimit);
  const int64_t max_panel = std::min(cols, kLimit);
  int64_t block = std::min<int64_t>(512, max_block);  // 256 to 1024 are equal within 3 %
  int64_t panel = std::min(panel_cols_for(density(rows, cols, nnz)), max_panel);
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

int choose_tile_width(const CsrStream& w, int64_t nnz, int64_t samples) noexcept {
  if (samples <= 8) return 8;
  if (samples <= 16) return 16;
  if (samples <= 32) return 32;
  // With few tiles the columns without a sample count: 65 samples are three tiles of 32, or two of 64.
  const bool wasteful = samples < 256 && (samples - 1) % 64 < 32;
  return density(w.rows, w.cols, nnz) >= kDense && !wasteful ? 64 : 32;
}

}  // namespace gossamer::kernels
