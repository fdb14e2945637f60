// Gradient bookkeeping of one tensor, shared by all handles to it, and a node's place in the graph.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gossamer/autograd.h"
#include "runtime/blocks.h"

namespace gossamer {

namespace autograd {

struct Meta {
  bool requires_grad = false;
  std::shared_ptr<Node> node;  // the operation that computed the tensor; null for a leaf
  Tensor grad;                 // leaves only
  std::string retired;         // why backward into this leaf is refused; empty while it is not
};

struct Edge {
  std::shared_ptr<Meta> meta;  // null where the input needs no gradient
  Shape shape;
  DType dtype = DType::f32;
};

struct Record;

// Makes backward into this leaf, which its owner replaces, a StateError that gives `reason`; an empty one takes it
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

}  // namespace autograd

// What lies inside a Node, for this layer alone.
struct NodeAccess {
  using Input = Node::Input;

  static autograd::Record& record(const Node& node) { return *node.record_; }
  static void validate(const Node& node) { node.validate(); }
  static bool add_backward(Node& node, const Tensor& grad, Tensor& sum) { return node.add_backward(grad, sum); }
  static SavedTensor& saved(Input& input) { return input.saved_; }
  static const auto& for_gradients_of(const SavedTensor& saved) { return saved.for_gradients_of_; }
  static bool is_written(const SavedTensor& saved) { return saved.tensor_.version() != saved.version_; }
  // Without history: an output that its own node saves must not keep the node alive.
  static void keep(SavedTensor& saved, const Tensor& tensor) {
    saved.tensor_ = tensor.detach();
    saved.version_ = tensor.version();
  }
  static void drop(SavedTensor& saved) { keep(saved, Tensor()); }
};

namespace autograd {

struct Record {
  template <class T>
  using List = BlockVector<T>;

  std::string op;
  List<Edge> edges;
  List<NodeAccess::Input*> inputs;  // those declared by name
  List<SavedTensor*> saved;
  uint64_t sequence = 0;  // inputs are always created before outputs: descending order is a topological order
  bool released = false;
  Node* next_deleted = nullptr;

  static void* operator new(size_t bytes) { return take_block(bytes); }
  static void operator delete(void* record, size_t bytes) noexcept { give_block(record, bytes); }
};

}  // namespace autograd
}  // namespace gossamer
