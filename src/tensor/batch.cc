#include "tensor/batch.h"

#include <algorithm>

#include "kernels/csr.h"
#include "runtime/parallel.h"

namespace gossamer {

namespace {

// Floats of tiles per task: 256 KiB are some 10 microseconds.
constexpr int64_t kTaskFloats = 65536;

// Calls body(first_sample, samples, first_feature, features) for the pieces of all tiles.
template <class Body>
void for_each_piece(const ConstBatch<float>& tiles, const Body& body) {
  const int64_t pieces = (tiles.features * tiles.width + kTaskFloats - 1) / kTaskFloats;
  rt::parallel_for(tiles.tiles(tiles.width) * pieces, [&](int64_t task) {
    const int64_t sample = task / pieces * tiles.width;
    const int64_t piece = task % pieces;
    const int64_t begin = tiles.features * piece / pieces;
    body(sample, static_cast<int>(std::min<int64_t>(tiles.width, tiles.n - sample)), begin,
         tiles.features * (piece + 1) / pieces - begin);
  });
}

}  // namespace

void pack_batch(const ConstBatch<float>& rows, const Batch<float>& tiles) {
  for_each_piece(tiles, [&](int64_t sample, int samples, int64_t feature, int64_t features) {
    kernels::pack_tile(rows.data + sample * rows.features + feature, rows.features, samples, features, tiles.width,
                       tiles.data + sample * tiles.features + feature * tiles.width);
  });
}

void unpack_batch(const ConstBatch<float>& tiles, const Batch<float>& rows) {
  for_each_piece(tiles, [&](int64_t sample, int samples, int64_t feature, int64_t features) {
    kernels::unpack_tile(tiles.data + sample * tiles.features + feature * tiles.width, tiles.width, samples, features,
                         rows.data + sample * rows.features + feature, rows.features);
  });
}

}  // namespace gossamer
