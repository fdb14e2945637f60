// What the layers above need of a Tensor's inside: its gradient bookkeeping.
#pragma once

#include <memory>
#include <utility>

#include "gossamer/tensor.h"

namespace gossamer {

struct TensorAccess {
  static const std::shared_ptr<autograd::Meta>& meta(const Tensor& t) { return t.meta_; }
  static void set_meta(Tensor& t, std::shared_ptr<autograd::Meta> meta) { t.meta_ = std::move(meta); }
};

}  // namespace gossamer
