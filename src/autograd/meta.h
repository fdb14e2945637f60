// Gradient bookkeeping of one tensor, shared by all handles to it.
#pragma once

#include <memory>
#include <string>

#include "gossamer/autograd.h"

namespace gossamer::autograd {

struct Meta {
  bool requires_grad = false;
  std::shared_ptr<Node> node;  // the operation that computed the tensor; null for a leaf
  Tensor grad;                 // leaves only
  std::string retired;         // why this leaf takes no gradients any more; empty while it does
};

// Backward into this leaf is refused from now on, with `reason` in the error: its owner replaced it.
void retire_leaf(const Tensor& leaf, std::string reason);

}  // namespace gossamer::autograd
