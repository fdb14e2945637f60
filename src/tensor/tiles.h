// Tile-major tensors: what operations that know the layout need. To all others such a tensor is like any other, since
// data() makes it row-major.
#pragma once

#include "gossamer/tensor.h"
#include "tensor/batch.h"

namespace gossamer {

// A tensor holds tiles from birth until it is first opened for writing row-major; none gets tiles later, so that a
// pointer kept from mutable_data() always points to the elements that operations see.
struct TensorTiles {
  // An f32 tensor [..., features] of rank 1 or more, with neither size 0, born tile-major: uninitialized, to be written
  // through open(), and without row-major memory.
  static Tensor empty(const Shape& shape, int width);

  // The tiles of x, seen as [n, features]; width 0 and no data when it holds none. A view of the whole tensor whose
  // last size is the features sees them, any other view does not.
  static ConstBatch<float> get(const Tensor& x);
  static int width(const Tensor& x) { return get(x).width; }

  // The tiles of x, which must hold some, for writing: marks x as written and drops its row-major elements. The lanes
  // past n are the caller's to keep zero.
  static Batch<float> open(Tensor& x);
  // Whether row-major memory exists beside the tiles (or alone).
  static bool has_rows(const Tensor& x);

  // x [..., features], f32, with tiles of the given width and without history: a view if it holds such, else a copy.
  static Tensor pack(const Tensor& x, int width);
};

}  // namespace gossamer
