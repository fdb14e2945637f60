// Batches, tile by tile, for the products of CSR weights: packing, unpacking, and what is fetched ahead.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/csr.h"
#include "kernels/layout.h"
#include "runtime/buffers.h"
#include "runtime/parallel.h"
#include "tensor/batch.h"

namespace gossamer {

// Tasks that a product is cut into, whatever the number of threads: enough to balance eight of them.
inline constexpr int64_t kTasks = 16;

// Tasks of a product with one sample, as runs of row blocks: a small one is not worth a second thread.
inline int64_t vector_tasks(const kernels::CsrStream& w) {
  return std::max<int64_t>(1, std::min({kTasks, w.blocks(), w.nnz() / rt::kElementGrain}));
}

// Tile buffers start on cache lines of their own.
template <class T>
constexpr int64_t padded(int64_t elements) {
  constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T));
  return (elements + kLine - 1) / kLine * kLine;
}

// One tile of a batch: samples from index * width on, all features.
template <class T>
struct Tile {
  const Batch<T>& batch;
  int64_t index;
  int width;

  int samples() const { return static_cast<int>(std::min<int64_t>(width, batch.n - index * width)); }
  bool packed() const { return batch.width != 0; }
  // Of a tile-major batch: the lanes of a feature.
  T* lanes(int64_t feature) const { return batch.data + (index * batch.features + feature) * width; }
  // Of a row-major batch: a feature of the first sample.
  T* row(int64_t feature) const { return batch.data + index * width * batch.features + feature; }
  // All of it, which is contiguous in both layouts.
  T* begin() const { return packed() ? lanes(0) : row(0); }
  int64_t size() const { return batch.features * (packed() ? width : samples()); }
};

template <class T>
void pack(const Tile<const T>& from, int64_t feature, int64_t count, T* to) {
  kernels::pack_tile(from.row(feature), from.batch.features, from.samples(), count, from.width, to);
}

template <class T>
void unpack(const T* from, const Tile<T>& to, int64_t feature, int64_t count) {
  kernels::unpack_tile(from, to.width, to.samples(), count, to.row(feature), to.batch.features);
}

// One row block of a forward product: y_tile = W x_tile + bias (null: none).
template <class T>
void forward_block(const kernels::CsrStream& w, const T* values, int64_t block, const T* x_tile, const T* bias,
                   const Tile<T>& y, T* scratch, kernels::FetchAhead ahead) {
  const int64_t row = block * w.block_rows;
  const int64_t rows = std::min(w.block_rows, w.rows - row);
  T* const y_tile = y.packed() ? y.lanes(row) : scratch;
  kernels::csr_forward_tile(w, values, block, x_tile, y.width, bias == nullptr ? nullptr : bias + row, y_tile, ahead);
  if (!y.packed()) return unpack(y_tile, y, row, rows);
  // Not zero where there is a bias, or a weight that is not finite.
  clear_lanes_past(y.samples(), y_tile, rows, y.width);
}

// The slots of a run of panels in one row block: grad (+)= dy_tile x_tileᵀ. dy_tile covers all rows of W.
template <class T>
void weight_grad_block(const kernels::CsrStream& w, int64_t block, int64_t panel_begin, int64_t panel_end,
                       const T* dy_tile, const T* x_tile, int width, bool accumulate, T* grad,
                       kernels::FetchAhead ahead) {
  const T* const rows = dy_tile + block * w.block_rows * width;
  kernels::csr_weight_grad_tile(w, block, panel_begin, panel_end, rows, x_tile, width, accumulate, grad, ahead);
}

// Kernels read the rows of a tile in no order that hardware foresees, so that in an outer cache every first touch would
// be waited for. So while they work on one tile, the next is fetched, if both fit an L2 of 512 KiB.
inline constexpr int64_t kFetchedFloats = 65536;

// The i-th of n shares of a tile; nothing of one that is too large, or where there is none (a null batch, or an index
// past the end).
template <class T>
kernels::FetchAhead fetch_share(const Tile<const T>& tile, int64_t i, int64_t n) {
  if (tile.batch.data == nullptr || tile.index * tile.width >= tile.batch.n) return {};
  constexpr int64_t kFloats = std::is_same_v<T, float> ? 1 : 2;
  if (tile.size() * kFloats > kFetchedFloats) return {};
  const int64_t begin = i * tile.size() / n;
  return {reinterpret_cast<const float*>(tile.begin() + begin), ((i + 1) * tile.size() / n - begin) * kFloats};
}

inline void fetch(const kernels::FetchAhead& what) {
  for (int64_t i = 0; i < what.floats; i += 16) __builtin_prefetch(what.data + i, 0, 2);
}

// The layout's own width, that of the other batch, or the choice for the batch.
template <class A, class B>
int tile_width(const Batch<A>& a, const Batch<B>& b) {
  if (a.width != 0) return a.width;
  return b.width != 0 ? b.width : kernels::choose_tile_width(a.n);
}

// A batch in tiles of the given width: the one given, if it is, or packed here.
template <class T>
class InTiles {
 public:
  InTiles(const ConstBatch<T>& batch, int width) : view_(batch) {
    if (batch.width != 0) return;
    bytes_ = batch.tiles(width) * batch.features * width * static_cast<int64_t>(sizeof(T));
    own_ = {reinterpret_cast<T*>(rt::take_buffer(bytes_)), batch.n, batch.features, width};
    pack_batch(batch, own_);
    view_ = own_;
  }
  ~InTiles() { rt::give_buffer(reinterpret_cast<std::byte*>(own_.data), bytes_); }
  InTiles(const InTiles&) = delete;
  InTiles& operator=(const InTiles&) = delete;

  const ConstBatch<T>& batch() const { return view_; }

 private:
  int64_t bytes_ = 0;
  Batch<T> own_;
  ConstBatch<T> view_;
};

}  // namespace gossamer
