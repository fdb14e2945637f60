// In which layout an operation takes its operands: the one place that decides between rows and tiles (tensor/batch.h).
#pragma once

#include <cstdint>

#include "gossamer/tensor.h"
#include "tensor/batch.h"
#include "tensor/tiles.h"

namespace gossamer {

// n of [..., k] seen as the matrix [n, k]; k may be 0.
inline int64_t row_count(const Shape& shape) {
  // Checks the product: that of an empty shape may not fit.
  return shape.rank() == 0 ? 1 : Shape(shape.dims().first(static_cast<size_t>(shape.rank() - 1))).numel();
}

// An operation that needs rows says Layout::rows(); one that takes tiles says Layout::of(x) or common(a, b), and works
// in rows where there are none. Reading an operand that holds another layout converts it: into rows once for all
// readers, into tiles for this reader alone.
class Layout {
 public:
  static Layout rows() { return Layout(0); }
  // 0: rows.
  static Layout tiles(int width) { return Layout(width); }
  // The tiles that x holds, else rows.
  static Layout of(const Tensor& x) { return Layout(TensorTiles::width(x)); }
  // The tiles of equal width that both hold, else rows.
  static Layout common(const Tensor& a, const Tensor& b) {
    const int width = TensorTiles::width(a);
    return Layout(width == TensorTiles::width(b) ? width : 0);
  }

  // The tiles that one of the two holds, where the other is in rows or holds the same: operands are to be taken into
  // it. Whichever is chosen, one of them is converted; tiles are what a product with a CSR weight before or behind
  // uses.
  static Layout either(const Tensor& a, const Tensor& b) {
    const Layout of_a = of(a);
    return of_a.is_tiled() && of(b).is_tiled() ? common(a, b) : of_a.is_tiled() ? of_a : of(b);
  }

  int width() const { return width_; }
  bool is_tiled() const { return width_ != 0; }

  // Uninitialized, in this layout. Tiles are f32 of rank 1 or more.
  Tensor empty(const Shape& shape, DType dtype) const {
    return is_tiled() ? TensorTiles::empty(shape, width_) : Tensor::empty(shape, dtype);
  }
  // x itself, without history, where it holds this layout or rows are wanted; else packed.
  Tensor take(const Tensor& x) const { return is_tiled() ? TensorTiles::pack(x, width_) : x.detach(); }

  // The elements of x, which holds this layout, seen as [n, last size].
  template <class T>
  ConstBatch<T> read(const Tensor& x) const {
    if (is_tiled()) return typed<const T>(TensorTiles::get(x));
    return {x.data<T>(), row_count(x.shape()), x.rank() == 0 ? 1 : x.shape().back()};
  }
  template <class T>
  Batch<T> write(Tensor& x) const {
    if (is_tiled()) return typed<T>(TensorTiles::open(x));
    return {x.mutable_data<T>(), row_count(x.shape()), x.rank() == 0 ? 1 : x.shape().back()};
  }

 private:
  explicit Layout(int width) : width_(width) {}

  // Only f32 holds tiles, so that T is float wherever this runs.
  template <class T, class Tiles>
  static Batch<T> typed(const Tiles& tiles) {
    return {reinterpret_cast<T*>(tiles.data), tiles.n, tiles.features, tiles.width};
  }

  int width_;
};

}  // namespace gossamer
