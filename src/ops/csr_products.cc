#include "ops/csr_products.h"

#include <algorithm>
#include <type_traits>

#include "kernels/layout.h"
#include "kernels/reference/csr.h"
#include "runtime/parallel.h"
#include "runtime/scratch.h"

namespace gossamer {

namespace {

// The SIMD kernels for float; f64 exists for gradient checks and runs the specification itself.
namespace fast = kernels;
namespace slow = kernels::reference;

// Tasks that a product is cut into, whatever the number of threads: enough to balance eight of them.
constexpr int64_t kTasks = 16;

// Tile buffers start on cache lines of their own.
template <class T>
int64_t padded(int64_t elements) {
  constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T));
  return (elements + kLine - 1) / kLine * kLine;
}

template <class T>
struct Tile {
  const T* x;
  int64_t ld;
  int samples;
};

template <class T>
Tile<T> tile_of(const T* x, int64_t ld, int64_t n, int64_t tile, int width) {
  return {x + tile * width * ld, ld, static_cast<int>(std::min<int64_t>(width, n - tile * width))};
}

template <class T>
void pack(const Tile<T>& tile, int64_t col, int64_t count, int width, T* to) {
  if constexpr (std::is_same_v<T, float>) {
    fast::pack_tile(tile.x + col, tile.ld, tile.samples, count, width, to);
  } else {
    slow::pack_tile(tile.x + col, tile.ld, tile.samples, count, width, to);
  }
}

}  // namespace

template <class T>
void csr_forward(const kernels::CsrStream& w, int64_t nnz, const T* values, const T* x, int64_t n, const T* bias,
                 T* y) {
  const int width = kernels::choose_tile_width(w, nnz, n);
  const int64_t tiles = (n + width - 1) / width;
  const int64_t blocks = w.blocks();
  // A task packs its batch tile once for all of its row blocks; blocks are spread only where tiles alone are too few.
  const int64_t groups = std::clamp<int64_t>(kTasks / std::max<int64_t>(1, tiles), 1, std::max<int64_t>(1, blocks));
  const int64_t x_size = padded<T>(w.cols * width);
  const int64_t y_size = padded<T>(std::min(w.block_rows, w.rows) * width);
  rt::parallel_for(tiles * groups, [&](int64_t task) {
    const int64_t tile = task / groups;
    const int64_t group = task % groups;
    const rt::Scratch scratch((x_size + y_size) * static_cast<int64_t>(sizeof(T)));
    T* x_tile = reinterpret_cast<T*>(scratch.data());
    T* y_tile = x_tile + x_size;
    const Tile<T> from = tile_of(x, w.cols, n, tile, width);
    pack(from, 0, w.cols, width, x_tile);
    for (int64_t block = group * blocks / groups; block < (group + 1) * blocks / groups; ++block) {
      const int64_t row = block * w.block_rows;
      const int64_t rows = std::min(w.block_rows, w.rows - row);
      T* to = y + tile * width * w.rows + row;
      const T* block_bias = bias == nullptr ? nullptr : bias + row;
      if constexpr (std::is_same_v<T, float>) {
        fast::csr_forward_tile(w, values, block, x_tile, width, y_tile);
        fast::unpack_tile(y_tile, width, block_bias, from.samples, rows, to, w.rows);
      } else {
        slow::csr_forward_tile(w, values, block, x_tile, width, y_tile);
        slow::unpack_tile(y_tile, width, block_bias, from.samples, rows, to, w.rows);
      }
    }
  });
}

template <class T>
void csr_weight_grad(const kernels::CsrStream& w, int64_t nnz, const T* x, const T* dy, int64_t n, T* grad) {
  if (n == 0) {
    std::fill_n(grad, nnz, T(0));
    return;
  }
  const int width = kernels::choose_tile_width(w, nnz, n);
  const int64_t tiles = (n + width - 1) / width;
  const int64_t blocks = w.blocks();
  const int64_t panels = w.panels();
  // Tasks own the slots of a row block and a run of its panels, and go through the batch in order.
  const int64_t groups = std::clamp<int64_t>(kTasks / std::max<int64_t>(1, blocks), 1, std::max<int64_t>(1, panels));
  const int64_t x_size = padded<T>(w.cols * width);
  const int64_t dy_size = padded<T>(std::min(w.block_rows, w.rows) * width);
  rt::parallel_for(blocks * groups, [&](int64_t task) {
    const int64_t block = task / groups;
    const int64_t group = task % groups;
    const int64_t panel_begin = group * panels / groups;
    const int64_t panel_end = (group + 1) * panels / groups;
    const int64_t col = panel_begin * w.panel_cols;
    const int64_t cols = std::min(w.cols, panel_end * w.panel_cols) - col;
    const int64_t row = block * w.block_rows;
    const int64_t rows = std::min(w.block_rows, w.rows - row);
    const rt::Scratch scratch((x_size + dy_size) * static_cast<int64_t>(sizeof(T)));
    T* x_tile = reinterpret_cast<T*>(scratch.data());
    T* dy_tile = x_tile + x_size;
    for (int64_t tile = 0; tile < tiles; ++tile) {
      pack(tile_of(x, w.cols, n, tile, width), col, cols, width, x_tile + col * width);
      pack(tile_of(dy, w.rows, n, tile, width), row, rows, width, dy_tile);
      if constexpr (std::is_same_v<T, float>) {
        fast::csr_weight_grad_tile(w, block, panel_begin, panel_end, dy_tile, x_tile, width, tile > 0, grad);
      } else {
        slow::csr_weight_grad_tile(w, block, panel_begin, panel_end, dy_tile, x_tile, width, tile > 0, grad);
      }
    }
  });
}

template void csr_forward(const kernels::CsrStream&, int64_t, const float*, const float*, int64_t, const float*,
                          float*);
template void csr_forward(const kernels::CsrStream&, int64_t, const double*, const double*, int64_t, const double*,
                          double*);
template void csr_weight_grad(const kernels::CsrStream&, int64_t, const float*, const float*, int64_t, float*);
template void csr_weight_grad(const kernels::CsrStream&, int64_t, const double*, const double*, int64_t, double*);

}  // namespace gossamer
