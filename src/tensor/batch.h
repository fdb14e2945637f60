// The two layouts of a batch [n, features], and the way between them.
#pragma once

#include <cstdint>
#include <type_traits>

namespace gossamer {

// width 0: row-major. Otherwise tile-major, the layout that the CSR kernels work on: tiles of `width` samples (one of
// kernels::kTileWidths), [ceil(n / width)][features][width], 64-byte aligned. The lanes of the last tile past n are
// zero, which every writer keeps: sums over the samples of a tile need no mask.
template <class T>
struct Batch {
  T* data = nullptr;
  int64_t n = 0;
  int64_t features = 0;
  int width = 0;

  int64_t tiles(int tile_width) const { return (n + tile_width - 1) / tile_width; }
  // Elements in memory, the lanes past n of a tile-major batch included.
  int64_t padded() const { return width == 0 ? n * features : tiles(width) * features * width; }
  operator Batch<const T>() const requires(!std::is_const_v<T>) { return {data, n, features, width}; }
};

template <class T>
using ConstBatch = Batch<const T>;

// Zeroes the lanes past `samples` of consecutive features of a tile.
template <class T>
void clear_lanes_past(int samples, T* tile, int64_t features, int width) {
  if (samples == width) return;
  for (int64_t k = 0; k < features; ++k) {
    for (int lane = samples; lane < width; ++lane) tile[k * width + lane] = T(0);
  }
}

// The same for a whole tile-major batch, after a loop over all of its lanes. Only the last tile has any.
template <class T>
void clear_lanes_past_n(const Batch<T>& tiles) {
  const int rest = static_cast<int>(tiles.n % tiles.width);
  if (rest == 0) return;
  clear_lanes_past(rest, tiles.data + tiles.n / tiles.width * tiles.features * tiles.width, tiles.features,
                   tiles.width);
}

// From row-major to tile-major and back; both cover the same [n, features]. Parallel.
template <class T>
void pack_batch(const std::type_identity_t<ConstBatch<T>>& rows, const Batch<T>& tiles);
template <class T>
void unpack_batch(const std::type_identity_t<ConstBatch<T>>& tiles, const Batch<T>& rows);

}  // namespace gossamer
