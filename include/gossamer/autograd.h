// Reverse-mode automatic differentiation: what a new operation needs.
//
// An operation checks, computes, and then calls record<ItsNode>(...). Its node keeps in SavedTensor members what the
// gradient needs, and turns the gradient of the output into those of the inputs:
//
//   Tensor square(const Tensor& x) {
//     struct SquareNode final : Node {
//       SavedTensor x;
//       explicit SquareNode(const Tensor& x_) : x(*this, x_) {}
//       std::vector<Tensor> backward(const Tensor& grad) override { return
//       {mul(mul_scalar(x.get(), 2), grad)}; }
//     };
//     return record<SquareNode>("square", mul(x.detach(), x.detach()), {x}, x);
//   }
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

class Node;

namespace autograd {

struct Edge {
  std::shared_ptr<Meta> meta;  // null where the input needs no gradient
  Shape shape;
  DType dtype = DType::f32;
};

// Deletes a node and all that only it keeps alive, without recursion: graphs may be deeper than the stack.
struct NodeDeleter {
  void operator()(Node* node) const noexcept;
};

bool any_requires_grad(std::span<const Tensor> inputs);
Tensor connect(std::shared_ptr<Node> node, std::string_view op, const Tensor& output, std::span<const Tensor> inputs);

}  // namespace autograd

// While one is alive, operations on this thread record no graph.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool before_;
};

// Whether operations on this thread record a graph; true unless a NoGrad is alive.
bool grad_enabled();

// A tensor that a node keeps for backward. Backward refuses to run when its storage was written since.
class SavedTensor {
 public:
  // An undefined `tensor` stands for "not needed" and is allowed.
  SavedTensor(Node& owner, const Tensor& tensor);
  SavedTensor(const SavedTensor&) = delete;
  SavedTensor& operator=(const SavedTensor&) = delete;

  const Tensor& get() const { return tensor_; }
  bool defined() const { return tensor_.defined(); }

 private:
  friend struct NodeAccess;
  Tensor tensor_;
  uint64_t version_;
};

// One recorded operation with one output.
class Node {
 public:
  Node() = default;
  virtual ~Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // Gradients of the inputs, in the order given to record(), from that of the output. An entry may stay undefined where
  // needs_grad(i) is false. Runs under NoGrad; `grad` must not be written.
  virtual std::vector<Tensor> backward(const Tensor& grad) = 0;

 protected:
  // Whether input i leads to a tensor that requires a gradient.
  bool needs_grad(size_t i) const { return edges_[i].meta != nullptr; }

  // Conditions of a node's own, checked before backward changes anything; throw StateError where one does not hold.
  virtual void validate() const {}

 private:
  friend class SavedTensor;
  friend struct autograd::NodeDeleter;
  friend struct NodeAccess;
  friend Tensor autograd::connect(std::shared_ptr<Node>, std::string_view, const Tensor&, std::span<const Tensor>);

  std::string op_;
  std::vector<autograd::Edge> edges_;
  std::vector<SavedTensor*> saved_;
  uint64_t sequence_ = 0;  // inputs are always created before outputs: descending order is a topological order
  bool released_ = false;
  Node* next_deleted_ = nullptr;
};

// Makes `output` (freshly computed, without history) the result of operation `op` on `inputs`, with an N constructed
// from `args`. Returns the connected tensor; no node is made under NoGrad or where no input requires a gradient.
template <class N, class... Args>
Tensor record(std::string_view op, const Tensor& output, std::initializer_list<Tensor> inputs, Args&&... args) {
  const std::span<const Tensor> list(inputs.begin(), inputs.size());
  if (!grad_enabled() || !autograd::any_requires_grad(list)) return output;
  std::shared_ptr<Node> node(new N(std::forward<Args>(args)...), autograd::NodeDeleter{});
  return autograd::connect(std::move(node), op, output, list);
}

}  // namespace gossamer
#pragma GCC visibility pop
