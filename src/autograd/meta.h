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

// Backward into this leaf is refused from now on, with `reason` in the error: its owner replaced it. Empty: it is taken
// back.
void retire_leaf(const Tensor& leaf, std::string reason) noexcept;

// The gradient of a leaf: to look at without another handle, to take away, to put in place unchecked.
const Tensor& leaf_grad(const Tensor& leaf) noexcept;
Tensor take_grad(const Tensor& leaf) noexcept;
void give_grad(const Tensor& leaf, Tensor grad) noexcept;

// What a node does beside its gradients, such as keeping factors of them: done when the walk hands its gradients to
// the leaves, dropped where it throws.
class Effect {
 public:
  virtual ~Effect() = default;
  virtual void commit() noexcept = 0;
};
// For the walk that is under way on this thread; without one it is done at once.
void at_end_of_walk(std::unique_ptr<Effect> effect);

}  // namespace gossamer::autograd
