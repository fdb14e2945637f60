// What lies inside a Tensor: its storage, for this layer, and its gradient bookkeeping, for those above.
#pragma once

#include <memory>
#include <utility>

#include "gossamer/tensor.h"

namespace gossamer {

struct TensorAccess {
  static const std::shared_ptr<autograd::Meta>& meta(const Tensor& t) { return t.meta_; }
  static void set_meta(Tensor& t, std::shared_ptr<autograd::Meta> meta) { t.meta_ = std::move(meta); }

  // Of a defined tensor.
  static Storage& storage(const Tensor& t) { return *t.storage_; }
  static int64_t offset(const Tensor& t) { return t.offset_; }
  // A tensor on a storage of its own.
  static Tensor on(std::shared_ptr<Storage> storage, const Shape& shape, DType dtype) {
    Tensor t;
    t.storage_ = std::move(storage);
    t.shape_ = shape;
    t.dtype_ = dtype;
    return t;
  }
};

}  // namespace gossamer
