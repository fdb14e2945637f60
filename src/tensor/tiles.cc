#include "tensor/tiles.h"

#include <limits>
#include <memory>
#include <utility>

#include "runtime/blocks.h"
#include "runtime/check.h"
#include "tensor/storage.h"
#include "tensor/tensor_access.h"

namespace gossamer {

Tensor TensorTiles::empty(const Shape& shape, int width) {
  // The last tile pads n to at most 64 times as much.
  if (shape.numel() > std::numeric_limits<int64_t>::max() / dtype_size(DType::f32) / 64) {
    fail<ShapeError>("TensorTiles::empty", "the number of bytes must fit 63 bits", shape.to_string());
  }
  const int64_t features = shape.back();
  return TensorAccess::on(
      std::allocate_shared<Storage>(BlockAllocator<Storage>(), shape.numel() / features, features, width), shape,
      DType::f32);
}

ConstBatch<float> TensorTiles::get(const Tensor& x) {
  if (!x.defined() || x.rank() == 0 || TensorAccess::offset(x) != 0) return {};
  const ConstBatch<float> tiles = TensorAccess::storage(x).tiles();
  const bool whole = x.shape().back() == tiles.features && x.numel() == tiles.n * tiles.features;
  return tiles.width != 0 && whole ? tiles : ConstBatch<float>{};
}

Batch<float> TensorTiles::open(Tensor& x) { return TensorAccess::storage(x).open_tiles(); }

bool TensorTiles::has_rows(const Tensor& x) { return TensorAccess::storage(x).has_rows(); }

Tensor TensorTiles::pack(const Tensor& x, int width) {
  if (TensorTiles::width(x) == width) return x.detach();
  Tensor packed = empty(x.shape(), width);
  const Batch<float> tiles = open(packed);
  pack_batch({x.data<float>(), tiles.n, tiles.features}, tiles);
  return packed;
}

}  // namespace gossamer
