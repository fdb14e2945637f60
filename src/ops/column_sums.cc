#include "ops/column_sums.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "gossamer/dispatch.h"
#include "kernels/update.h"
#include "runtime/parallel.h"
#include "tensor/layout.h"

namespace gossamer {

namespace {

// Features that are summed together: at width 64 their sums take 16 KiB, which stay in L1 beside the tile that is read.
constexpr int64_t kFeatures = 64;

// Lane by lane over the tiles, then over the lanes: an order that follows from n and the width alone.
Tensor tile_sums(const ConstBatch<float>& tiles) {
  Tensor sums = Tensor::empty({tiles.features});
  float* const to = sums.mutable_data<float>();
  rt::parallel_chunks(tiles.features, kFeatures, [&](int64_t begin, int64_t end) {
    const int64_t n = (end - begin) * tiles.width;
    std::array<float, static_cast<size_t>(kFeatures) * 64> lanes;
    std::copy_n(tiles.data + begin * tiles.width, n, lanes.data());
    for (int64_t tile = 1; tile < tiles.tiles(tiles.width); ++tile) {
      kernels::axpy(n, 1, tiles.data + (tile * tiles.features + begin) * tiles.width, lanes.data());
    }
    for (int64_t feature = begin; feature < end; ++feature) {
      float* const own = lanes.data() + (feature - begin) * tiles.width;
      for (int half = tiles.width / 2; half > 0; half /= 2) {
        for (int lane = 0; lane < half; ++lane) own[lane] += own[half + lane];
      }
      to[feature] = own[0];
    }
  });
  return sums;
}

}  // namespace

Tensor column_sums(const Tensor& matrix) {
  if (const Layout layout = Layout::of(matrix); layout.is_tiled()) return tile_sums(layout.read<float>(matrix));
  const int64_t n = matrix.dim(0);
  const int64_t m = matrix.dim(1);
  Tensor sums = Tensor::zeros({m}, matrix.dtype());
  dispatch_floating(matrix.dtype(), "column_sums", [&]<class T>() {
    const T* from = matrix.data<T>();
    T* to = sums.mutable_data<T>();
    // 256 columns are whole cache lines of every row, and enough tasks for a layer of usual width.
    rt::parallel_chunks(m, 256, [&](int64_t begin, int64_t end) {
      for (int64_t row = 0; row < n; ++row) {
        for (int64_t col = begin; col < end; ++col) to[col] += from[row * m + col];
      }
    });
  });
  return sums;
}

}  // namespace gossamer
