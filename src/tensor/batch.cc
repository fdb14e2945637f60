#include "tensor/batch.h"

#include <algorithm>

#include "kernels/csr.h"
#include "runtime/parallel.h"

namespace gossamer {

namespace {

// Elements of tiles per task: 256 KiB of floats are some 10 microseconds.
constexpr int64_t kTaskElements = 65536;

// Calls body(first_sample, samples, first_feature, features) for the pieces of all tiles.
template <class T, class Body>
void for_each_piece(const ConstBatch<T>& tiles, const Body& body) {
  const int64_t pieces = (tiles.features * tiles.width + kTaskElements - 1) / kTaskElements;
  rt::parallel_for(tiles.tiles(tiles.width) * pieces, [&](int64_t task) {
    const int64_t sample = task / pieces * tiles.width;
    const int64_t piece = task % pieces;
    const int64_t begin = tiles.features * piece / pieces;
    body(sample, static_cast<int>(std::min<int64_t>(tiles.width, tiles.n - sample)), begin,
         tiles.features * (piece + 1) / pieces - begin);
  });
}

}  // namespace

template <class T>
void pack_batch(const std::type_identity_t<ConstBatch<T>>& rows, const Batch<T>& tiles) {
  for_each_piece<T>(tiles, [&](int64_t sample, int samples, int64_t feature, int64_t features) {
    kernels::pack_tile(rows.data + sample * rows.features + feature, rows.features, samples, features, tiles.width,
                       tiles.data + sample * tiles.features + feature * tiles.width);
  });
}

template <class T>
void unpack_batch(const std::type_identity_t<ConstBatch<T>>& tiles, const Batch<T>& rows) {
  for_each_piece<T>(tiles, [&](int64_t sample, int samples, int64_t feature, int64_t features) {
    kernels::unpack_tile(tiles.data + sample * tiles.features + feature * tiles.width, tiles.width, samples, features,
                         rows.data + sample * rows.features + feature, rows.features);
  });
}

template void pack_batch(const ConstBatch<float>&, const Batch<float>&);
template void pack_batch(const ConstBatch<double>&, const Batch<double>&);
template void unpack_batch(const ConstBatch<float>&, const Batch<float>&);
template void unpack_batch(const ConstBatch<double>&, const Batch<double>&);

}  // namespace gossamer
