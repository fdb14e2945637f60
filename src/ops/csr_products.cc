#include "ops/csr_products.h"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "kernels/layout.h"
#include "kernels/reference/csr.h"
#include "runtime/buffers.h"
#include "runtime/parallel.h"
#include "runtime/scratch.h"

namespace gossamer {

namespace {

// The SIMD kernels for float; f64 exists for gradient checks and runs the specification itself.
namespace fast = kernels;
namespace slow = kernels::reference;

// Tasks that a product is cut into, whatever the number of threads: enough to balance eight of them.
constexpr int64_t kTasks = 16;

// Tiles that make a part of a batch, whose gradients are summed apart, worth it.
constexpr int64_t kTilesPerPart = 4;
// Elements that their sums may take.
constexpr int64_t kPartSums = int64_t{1} << 20;

// Tile buffers start on cache lines of their own.
template <class T>
int64_t padded(int64_t elements) {
  constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T));
  return (elements + kLine - 1) / kLine * kLine;
}

// One tile of a batch: `samples` samples from `first` on, all features.
template <class T>
struct Tile {
  const Batch<T>& batch;
  int64_t index;
  int width;

  int samples() const { return static_cast<int>(std::min<int64_t>(width, batch.n - index * width)); }
  // Of a tile-major batch: the lanes of a feature.
  T* lanes(int64_t feature) const { return batch.data + (index * batch.features + feature) * width; }
  // Of a row-major batch: a feature of the first sample.
  T* row(int64_t feature) const { return batch.data + index * width * batch.features + feature; }
  T* begin() const { return batch.width == 0 ? row(0) : lanes(0); }
};

template <class T>
void pack(const Tile<const T>& from, int64_t feature, int64_t count, T* to) {
  if constexpr (std::is_same_v<T, float>) {
    fast::pack_tile(from.row(feature), from.batch.features, from.samples(), count, from.width, to);
  } else {
    slow::pack_tile(from.row(feature), from.batch.features, from.samples(), count, from.width, to);
  }
}

template <class T>
void unpack(const T* from, const Tile<T>& to, int64_t feature, int64_t count) {
  if constexpr (std::is_same_v<T, float>) {
    fast::unpack_tile(from, to.width, to.samples(), count, to.row(feature), to.batch.features);
  } else {
    slow::unpack_tile(from, to.width, to.samples(), count, to.row(feature), to.batch.features);
  }
}

// The layout's own width, that of the other batch, or the choice for the batch.
template <class A, class B>
int tile_width(const Batch<A>& a, const Batch<B>& b) {
  if (a.width != 0) return a.width;
  return b.width != 0 ? b.width : kernels::choose_tile_width(a.n);
}

// Kernels read the rows of a tile in no order that hardware foresees, so that in an outer cache every first touch would
// be waited for. While one tile is worked on, the next is fetched into L2, if both fit a small one; of larger tiles the
// next panel is.
constexpr int64_t kFetchedElements = 65536;

// The tile that this thread has fetched for its next task. Only a hint: it decides on fetching, never on results.
thread_local const void* t_fetched = nullptr;

// The i-th of n shares of it.
kernels::FetchAhead share(const float* data, int64_t floats, int64_t i, int64_t n) {
  const int64_t begin = i * floats / n;
  return {data + begin, (i + 1) * floats / n - begin};
}

// A batch in tiles: its own, or packed here.
template <class T>
class TileMajor {
 public:
  TileMajor(const ConstBatch<T>& rows, int width)
      : bytes_(rows.tiles(width) * rows.features * width * static_cast<int64_t>(sizeof(T))),
        tiles_{reinterpret_cast<T*>(rt::take_buffer(bytes_)), rows.n, rows.features, width} {
    if constexpr (std::is_same_v<T, float>) {
      pack_batch(rows, tiles_);
    } else {
      for (int64_t i = 0; i < rows.tiles(width); ++i) {
        pack(Tile<const T>{rows, i, width}, 0, rows.features, Tile<T>{tiles_, i, width}.lanes(0));
      }
    }
  }
  ~TileMajor() { rt::give_buffer(reinterpret_cast<std::byte*>(tiles_.data), bytes_); }
  TileMajor(const TileMajor&) = delete;
  TileMajor& operator=(const TileMajor&) = delete;

  ConstBatch<T> batch() const { return tiles_; }

 private:
  int64_t bytes_;
  Batch<T> tiles_;
};

// What the forward product fetches of X while it works on one row block of a tile.
kernels::FetchAhead ahead_of(const Tile<const float>& tile, const kernels::CsrStream& w, int64_t block) {
  const bool packed_here = tile.batch.width == 0;
  const int64_t size = tile.batch.features * tile.width;
  if (size > kFetchedElements) {
    if (packed_here) return {};
    const int64_t panel = std::min(size, w.panel_cols * tile.width);
    return {tile.begin() + panel, size - panel};
  }
  if (!packed_here && t_fetched != tile.begin()) {
    for (int64_t i = 0; i < size; i += 16) __builtin_prefetch(tile.begin() + i, 0, 2);
    t_fetched = tile.begin();
  }
  const Tile<const float> next{tile.batch, tile.index + 1, tile.width};
  if (next.index == tile.batch.tiles(tile.width)) return {};
  if (block + 1 == w.blocks()) t_fetched = next.begin();
  return share(next.begin(), packed_here ? next.samples() * next.batch.features : size, block, w.blocks());
}

// Tasks of a product with one sample, as runs of row blocks: a small one is not worth a second thread.
int64_t vector_tasks(const kernels::CsrStream& w) {
  return std::max<int64_t>(1, std::min({kTasks, w.blocks(), w.nnz() / rt::kElementGrain}));
}

// y[rows] = W x + bias for one sample, without packing.
template <class T>
void csr_forward_one(const kernels::CsrStream& w, const T* values, const T* x, const T* bias, T* y) {
  const int64_t tasks = vector_tasks(w);
  rt::parallel_for(tasks, [&](int64_t task) {
    const int64_t sums = std::min(w.block_rows, w.rows) * kernels::kVectorSums;
    const rt::Scratch scratch(sums * static_cast<int64_t>(sizeof(T)));
    for (int64_t block = task * w.blocks() / tasks; block < (task + 1) * w.blocks() / tasks; ++block) {
      const int64_t row = block * w.block_rows;
      const T* block_bias = bias == nullptr ? nullptr : bias + row;
      if constexpr (std::is_same_v<T, float>) {
        fast::csr_forward_vector(w, values, block, x, block_bias, reinterpret_cast<float*>(scratch.data()), y + row);
      } else {
        slow::csr_forward_vector(w, values, block, x, block_bias, y + row);
      }
    }
  });
}

// grad[slot] = dy[row] x[col].
template <class T>
void csr_weight_grad_one(const kernels::CsrStream& w, const T* x, const T* dy, T* grad) {
  const int64_t tasks = vector_tasks(w);
  rt::parallel_for(tasks, [&](int64_t task) {
    for (int64_t block = task * w.blocks() / tasks; block < (task + 1) * w.blocks() / tasks; ++block) {
      if constexpr (std::is_same_v<T, float>) {
        fast::csr_weight_grad_vector(w, block, 0, w.panels(), dy + block * w.block_rows, x, grad);
      } else {
        slow::csr_weight_grad_vector(w, block, 0, w.panels(), dy + block * w.block_rows, x, grad);
      }
    }
  });
}

}  // namespace

template <class T>
void csr_forward(const kernels::CsrStream& w, const T* values, const std::type_identity_t<ConstBatch<T>>& x,
                 const T* bias, const Batch<T>& y) {
  if (x.n == 1 && x.width == 0 && y.width == 0) return csr_forward_one(w, values, x.data, bias, y.data);
  const int width = tile_width(x, y);
  const int64_t tiles = x.tiles(width);
  const int64_t blocks = w.blocks();
  // Blocks are spread only where tiles alone are too few.
  const int64_t groups = std::clamp<int64_t>(kTasks / std::max<int64_t>(1, tiles), 1, std::max<int64_t>(1, blocks));
  if (x.width == 0 && groups > 1) return csr_forward<T>(w, values, TileMajor<T>(x, width).batch(), bias, y);
  const int64_t x_size = x.width == 0 ? padded<T>(w.cols * width) : 0;
  const int64_t y_size = y.width == 0 ? padded<T>(std::min(w.block_rows, w.rows) * width) : 0;
  rt::parallel_for(tiles * groups, [&](int64_t task) {
    const int64_t group = task % groups;
    const rt::Scratch scratch((x_size + y_size) * static_cast<int64_t>(sizeof(T)));
    T* const packed = reinterpret_cast<T*>(scratch.data());
    const Tile<const T> from{x, task / groups, width};
    const Tile<T> to{y, task / groups, width};
    if (x.width == 0) pack(from, 0, w.cols, packed);
    const T* const x_tile = x.width == 0 ? packed : from.lanes(0);
    for (int64_t block = group * blocks / groups; block < (group + 1) * blocks / groups; ++block) {
      const int64_t row = block * w.block_rows;
      const int64_t rows = std::min(w.block_rows, w.rows - row);
      const T* const block_bias = bias == nullptr ? nullptr : bias + row;
      T* const y_tile = y.width == 0 ? packed + x_size : to.lanes(row);
      if constexpr (std::is_same_v<T, float>) {
        fast::csr_forward_tile(w, values, block, x_tile, width, block_bias, y_tile, ahead_of(from, w, block));
      } else {
        slow::csr_forward_tile(w, values, block, x_tile, width, block_bias, y_tile);
      }
      if (y.width == 0) {
        unpack(y_tile, to, row, rows);
      } else {
        // Not zero where there is a bias, or a weight that is not finite.
        clear_lanes_past(to.samples(), y_tile, rows, width);
      }
    }
  });
}

template <class T>
void csr_weight_grad(const kernels::CsrStream& w, const ConstBatch<T>& x, const ConstBatch<T>& dy, T* grad) {
  if (x.n == 0) {
    std::fill_n(grad, w.nnz(), T(0));
    return;
  }
  if (x.n == 1 && x.width == 0 && dy.width == 0) return csr_weight_grad_one(w, x.data, dy.data, grad);
  const int width = tile_width(x, dy);
  if (x.width == 0) return csr_weight_grad(w, TileMajor<T>(x, width).batch(), dy, grad);
  if (dy.width == 0) return csr_weight_grad(w, x, TileMajor<T>(dy, width).batch(), grad);
  // Tasks own a part of the batch, which each goes through in order, a run of panels and a band of row blocks. Parts
  // first, since they share no reads; bands last, since each reads its panels of X anew.
  const int64_t tiles = x.tiles(width);
  const int64_t most = 1 + kPartSums / std::max<int64_t>(1, w.nnz());
  const int64_t parts = std::clamp<int64_t>(std::min(tiles / kTilesPerPart, most), 1, kTasks);
  const int64_t runs = std::clamp<int64_t>(kTasks / parts, 1, w.panels());
  const int64_t bands = std::clamp<int64_t>(kTasks / (parts * runs), 1, w.blocks());
  std::vector<T> sums(static_cast<size_t>((parts - 1) * w.nnz()));  // of all parts but the first
  rt::parallel_for(parts * runs * bands, [&](int64_t task) {
    const int64_t part = task / (runs * bands);
    const int64_t run = task / bands % runs;
    const int64_t band = task % bands;
    const int64_t panel_begin = run * w.panels() / runs;
    const int64_t panel_end = (run + 1) * w.panels() / runs;
    const int64_t block_begin = band * w.blocks() / bands;
    const int64_t block_end = (band + 1) * w.blocks() / bands;
    const int64_t col = panel_begin * w.panel_cols;
    const int64_t cols = std::min(w.cols, panel_end * w.panel_cols) - col;
    T* const to = part == 0 ? grad : sums.data() + (part - 1) * w.nnz();
    const int64_t first = part * tiles / parts;
    const int64_t last = (part + 1) * tiles / parts - 1;
    for (int64_t i = first; i <= last; ++i) {
      const T* const x_tile = Tile<const T>{x, i, width}.lanes(0);
      for (int64_t block = block_begin; block < block_end; ++block) {
        const T* const dy_tile = Tile<const T>{dy, i, width}.lanes(block * w.block_rows);
        if constexpr (std::is_same_v<T, float>) {
          kernels::FetchAhead next;
          if (i < last) {
            next = share(Tile<const T>{x, i + 1, width}.lanes(col), std::min(cols * width, kFetchedElements),
                         block - block_begin, block_end - block_begin);
          }
          fast::csr_weight_grad_tile(w, block, panel_begin, panel_end, dy_tile, x_tile, width, i > first, to, next);
        } else {
          slow::csr_weight_grad_tile(w, block, panel_begin, panel_end, dy_tile, x_tile, width, i > first, to);
        }
      }
    }
  });
  if (parts == 1) return;
  rt::parallel_chunks(w.nnz(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
    for (int64_t part = 1; part < parts; ++part) {
      const T* const from = sums.data() + (part - 1) * w.nnz();
      for (int64_t slot = begin; slot < end; ++slot) grad[slot] += from[slot];
    }
  });
}

#define GOSSAMER_CSR_PRODUCTS_OF(T)                                                                                    \
  template void csr_forward(const kernels::CsrStream&, const T*, const std::type_identity_t<ConstBatch<T>>&, const T*, \
                            const Batch<T>&);                                                                          \
  template void csr_weight_grad(const kernels::CsrStream&, const ConstBatch<T>&, const ConstBatch<T>&, T*);
GOSSAMER_CSR_PRODUCTS_OF(float)
GOSSAMER_CSR_PRODUCTS_OF(double)
#undef GOSSAMER_CSR_PRODUCTS_OF

}  // namespace gossamer
