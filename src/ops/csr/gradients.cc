// The gradients of the product with a CSR weight.
#include <algorithm>

#include "ops/csr/part_sums.h"
#include "ops/csr/products.h"
#include "ops/csr/tiles.h"
#include "runtime/parallel.h"
#include "runtime/scratch.h"

namespace gossamer {

namespace {

// grad[slot] = dy[row] x[col].
template <class T>
void csr_weight_grad_one(const kernels::CsrStream& w, const T* x, const T* dy, T* grad) {
  const int64_t tasks = vector_tasks(w);
  rt::parallel_for(tasks, [&](int64_t task) {
    for (int64_t block = task * w.blocks() / tasks; block < (task + 1) * w.blocks() / tasks; ++block) {
      kernels::csr_weight_grad_vector(w, block, 0, w.panels(), dy + block * w.block_rows, x, grad);
    }
  });
}

// The gradients of a batch that passes through cache: a task owns a part of it, and packs each tile of X and dY at most
// once. dx.data null: only the weight's.
template <class T>
void stream_gradients(const kernels::CsrStream& w, const kernels::CsrStream* transposed, const T* transposed_values,
                      const ConstBatch<T>& x, const ConstBatch<T>& dy, const Batch<T>& dx, T* grad) {
  const int width = tile_width(x, dy);
  constexpr int64_t kTilesPerPart = 2;
  const int64_t tiles = x.tiles(width);
  const int64_t parts = PartSums<T>::parts(w, tiles, kTilesPerPart);
  const int64_t x_size = x.width == 0 ? padded<T>(w.cols * width) : 0;
  const int64_t dy_size = dy.width == 0 ? padded<T>(w.rows * width) : 0;
  const int64_t dx_size =
      dx.data != nullptr && dx.width == 0 ? padded<T>(std::min(transposed->block_rows, w.cols) * width) : 0;
  PartSums<T> sums(w, parts, grad);
  rt::parallel_for(parts, [&](int64_t part) {
    const rt::Scratch scratch((x_size + dy_size + dx_size) * static_cast<int64_t>(sizeof(T)));
    T* const x_packed = reinterpret_cast<T*>(scratch.data());
    T* const dy_packed = x_packed + x_size;
    T* const dx_packed = dy_packed + dy_size;
    const int64_t first = part * tiles / parts;
    for (int64_t i = first; i < (part + 1) * tiles / parts; ++i) {
      const Tile<const T> x_tile{x, i, width};
      const Tile<const T> dy_tile{dy, i, width};
      const Tile<const T> next_dy{dy, i + 1, width};
      if (!dy_tile.packed()) pack(dy_tile, 0, w.rows, dy_packed);
      const T* const dy_lanes = dy_tile.packed() ? dy_tile.lanes(0) : dy_packed;
      if (dx.data != nullptr) {
        for (int64_t block = 0; block < transposed->blocks(); ++block) {
          forward_block<T>(*transposed, transposed_values, block, dy_lanes, nullptr, Tile<T>{dx, i, width}, dx_packed,
                           fetch_share(x_tile, block, transposed->blocks()));
        }
      }
      if (!x_tile.packed()) pack(x_tile, 0, w.cols, x_packed);
      const T* const x_lanes = x_tile.packed() ? x_tile.lanes(0) : x_packed;
      for (int64_t block = 0; block < w.blocks(); ++block) {
        weight_grad_block(w, block, 0, w.panels(), dy_lanes, x_lanes, width, i > first, sums.of(part),
                          fetch_share(next_dy, block, w.blocks()));
      }
    }
  });
  sums.add_up();
}

}  // namespace

template <class T>
void csr_weight_grad(const kernels::CsrStream& w, const ConstBatch<T>& x, const ConstBatch<T>& dy, T* grad) {
  if (x.n == 0 || w.nnz() == 0) {
    std::fill_n(grad, w.nnz(), T(0));
    return;
  }
  if (x.n == 1 && x.width == 0 && dy.width == 0) return csr_weight_grad_one(w, x.data, dy.data, grad);
  if (streams_batch(w, x.n)) return stream_gradients<T>(w, nullptr, nullptr, x, dy, {}, grad);
  const int width = tile_width(x, dy);
  const InTiles<T> x_tiles(x, width);
  const InTiles<T> dy_tiles(dy, width);
  // Tasks own a part of the batch, which each goes through in order, a run of panels and a band of row blocks. Parts
  // first, since they share no reads; bands last, since each reads its panels of X anew.
  constexpr int64_t kTilesPerPart = 4;
  const int64_t tiles = x.tiles(width);
  const int64_t parts = PartSums<T>::parts(w, tiles, kTilesPerPart);
  const int64_t runs = std::clamp<int64_t>(kTasks / parts, 1, w.panels());
  const int64_t bands = std::clamp<int64_t>(kTasks / (parts * runs), 1, w.blocks());
  PartSums<T> sums(w, parts, grad);
  rt::parallel_for(parts * runs * bands, [&](int64_t task) {
    const int64_t part = task / (runs * bands);
    const int64_t run = task / bands % runs;
    const int64_t band = task % bands;
    const int64_t panel_begin = run * w.panels() / runs;
    const int64_t panel_end = (run + 1) * w.panels() / runs;
    const int64_t block_begin = band * w.blocks() / bands;
    const int64_t block_end = (band + 1) * w.blocks() / bands;
    const int64_t first = part * tiles / parts;
    for (int64_t i = first; i < (part + 1) * tiles / parts; ++i) {
      const Tile<const T> x_tile{x_tiles.batch(), i, width};
      const Tile<const T> dy_tile{dy_tiles.batch(), i, width};
      const Tile<const T> next{x_tiles.batch(), i + 1, width};
      for (int64_t block = block_begin; block < block_end; ++block) {
        weight_grad_block(
            w, block, panel_begin, panel_end, dy_tile.lanes(0), x_tile.lanes(0), width, i > first, sums.of(part),
            fetch_share(next, run * (block_end - block_begin) + block - block_begin, runs * (block_end - block_begin)));
      }
    }
  });
  sums.add_up();
}

template <class T>
void csr_backward(const kernels::CsrStream& w, const kernels::CsrStream& transposed, const T* transposed_values,
                  const ConstBatch<T>& x, const ConstBatch<T>& dy, const Batch<T>& dx, T* grad) {
  if (streams_batch(w, x.n)) return stream_gradients(w, &transposed, transposed_values, x, dy, dx, grad);
  if (x.n > 1 && dy.width == 0) {
    const InTiles<T> dy_tiles(dy, tile_width(x, dy));
    return csr_backward(w, transposed, transposed_values, x, dy_tiles.batch(), dx, grad);
  }
  csr_forward<T>(transposed, transposed_values, dy, nullptr, dx);
  csr_weight_grad(w, x, dy, grad);
}

#define GOSSAMER_CSR_GRADIENTS_OF(T)                                                                               \
  template void csr_weight_grad(const kernels::CsrStream&, const ConstBatch<T>&, const ConstBatch<T>&, T*);        \
  template void csr_backward(const kernels::CsrStream&, const kernels::CsrStream&, const T*, const ConstBatch<T>&, \
                             const ConstBatch<T>&, const Batch<T>&, T*);
GOSSAMER_CSR_GRADIENTS_OF(float)
GOSSAMER_CSR_GRADIENTS_OF(double)
#undef GOSSAMER_CSR_GRADIENTS_OF

}  // namespace gossamer
