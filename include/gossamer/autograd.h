// Reverse-mode automatic differentiation: what a new operation needs.
//
// An operation checks, computes, and then calls record<ItsNode>(...). Its node names the inputs, keeps what gradients
// need, and turns the gradient of the output into those of the inputs:
//
//   Tensor scaled_product(const Tensor& a, const Tensor& b, double scale) {
//     struct ScaledProductNode final : Node {
//       Input a{*this, {&b}};  // in the order given to record(); kept for the gradient of b
//       Input b{*this, {&a}};
//       double scale;
//       explicit ScaledProductNode(double scale_) : scale(scale_) {}
//
//       Gradients backward(const Tensor& grad) override {
//         const Tensor g = mul_scalar(grad, scale);
//         return {a.gradient([&] { return mul(g, b.value()); }), b.gradient([&] { return mul(g, a.value()); })};
//       }
//     };
//     const Tensor product = mul_scalar(mul(a.detach(), b.detach()), scale);
//     return record<ScaledProductNode>("scaled_product", product, {a, b}, scale);
//   }
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "gossamer/block_allocator.h"
#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

class Node;
class SavedTensor;

namespace autograd {

struct Record;  // a node's place in the graph; internal

bool is_recorded(std::span<const Tensor> inputs);
Tensor connect(std::unique_ptr<Node> node, std::string_view op, const Tensor& output, std::span<const Tensor> inputs);

}  // namespace autograd

// Gradients of the inputs of a node, in their order.
using Gradients = BlockVector<Tensor>;

// While one is alive, operations on this thread record no graph: `gs::NoGrad guard;`.
class NoGrad {
 public:
  [[nodiscard("it acts as long as it lives: give it a name")]] NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool before_;
};

// Whether operations on this thread record a graph; true unless a NoGrad is alive.
bool grad_enabled();

// One recorded operation with one output.
class Node {
 public:
  Node();
  virtual ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // In blocks that the thread keeps: a step makes the nodes of the step before.
  static void* operator new(size_t bytes);
  static void* operator new(size_t bytes, std::align_val_t alignment);
  static void operator delete(void* node, size_t bytes) noexcept;
  static void operator delete(void* node, size_t bytes, std::align_val_t alignment) noexcept;

  // Gradients of the inputs, in the order given to record(), from that of the output. An entry may stay undefined where
  // its input needs none. Runs under NoGrad; `grad` must not be written, and backward() not be called.
  virtual Gradients backward(const Tensor& grad) = 0;

 protected:
  class Input;
  friend class SavedTensor;

  // Whether input i, counted as given to record(), leads to a tensor that requires a gradient: for nodes whose number
  // of inputs varies. Others declare each as an Input.
  bool needs_grad(size_t i) const;

  // In place of backward(), for a node of one input whose gradient is 0 at most elements: adds it into `sum`, which
  // holds that of other uses of the input and that nothing else sees, and returns true. Many parts of one tensor then
  // cost no more than the whole.
  virtual bool add_backward(const Tensor& grad, Tensor& sum);

  // Conditions of a node's own, checked before backward changes anything; throw StateError where one does not hold.
  virtual void validate() const {}

 private:
  friend struct NodeAccess;

  std::unique_ptr<autograd::Record> record_;
};

// A tensor that a node keeps for backward. Backward refuses to run when its storage was written since.
class SavedTensor {
 public:
  // Kept where one of the inputs in `for_gradients_of` needs a gradient, else undefined; without any, always. An
  // undefined `tensor` stands for "not needed" and is allowed.
  SavedTensor(Node& owner, const Tensor& tensor, std::initializer_list<const Node::Input*> for_gradients_of = {});
  SavedTensor(const SavedTensor&) = delete;
  SavedTensor& operator=(const SavedTensor&) = delete;

  const Tensor& get() const { return tensor_; }
  bool defined() const { return tensor_.defined(); }

 private:
  friend struct NodeAccess;

  Tensor tensor_;
  uint64_t version_;
  BlockVector<const Node::Input*> for_gradients_of_;
};

// An input of a node, by name: a member `Input x{*this};`. A node declares all of its inputs, in the order given to
// record(), or none.
class Node::Input {
 public:
  // The input itself is saved for the gradients of the inputs named, which may be itself and may be declared later.
  explicit Input(Node& owner, std::initializer_list<const Input*> saved_for = {});
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  // Whether it leads to a tensor that requires a gradient.
  bool needs_grad() const { return owner_.needs_grad(index_); }
  const Shape& shape() const;
  // Without history; undefined where it was not saved.
  const Tensor& value() const { return saved_.get(); }
  // f() where a gradient is needed, else an undefined tensor.
  template <class F>
  Tensor gradient(F&& f) const {
    return needs_grad() ? std::forward<F>(f)() : Tensor();
  }

 private:
  friend struct NodeAccess;

  const Node& owner_;
  size_t index_;
  SavedTensor saved_;
};

// Makes `output` (freshly computed, without history) the result of operation `op` on `inputs`, with an N constructed
// from `args`. Returns the connected tensor; no node is made under NoGrad or where no input requires a gradient. Throws
// StateError where N declares another number of inputs.
template <class N, class... Args>
Tensor record(std::string_view op, const Tensor& output, std::span<const Tensor> inputs, Args&&... args) {
  if (!autograd::is_recorded(inputs)) return output;
  return autograd::connect(std::make_unique<N>(std::forward<Args>(args)...), op, output, inputs);
}
template <class N, class... Args>
Tensor record(std::string_view op, const Tensor& output, std::initializer_list<Tensor> inputs, Args&&... args) {
  return record<N>(op, output, std::span<const Tensor>(inputs.begin(), inputs.size()), std::forward<Args>(args)...);
}

}  // namespace gossamer
#pragma GCC visibility pop
