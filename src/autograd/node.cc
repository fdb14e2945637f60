// Graph construction, leaf gradients, and release.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "autograd/meta.h"
#include "gossamer/autograd.h"
#include "runtime/blocks.h"
#include "runtime/check.h"
#include "tensor/tensor_access.h"

namespace gossamer {

namespace {
thread_local bool t_grad_enabled = true;
std::atomic<uint64_t> g_sequence{0};

const std::shared_ptr<autograd::Meta>& ensure_meta(Tensor& t) {
  if (!TensorAccess::meta(t))
    TensorAccess::set_meta(t, std::allocate_shared<autograd::Meta>(BlockAllocator<autograd::Meta>()));
  return TensorAccess::meta(t);
}
}  // namespace

NoGrad::NoGrad() : before_(std::exchange(t_grad_enabled, false)) {}
NoGrad::~NoGrad() { t_grad_enabled = before_; }
bool grad_enabled() { return t_grad_enabled; }

Node::Node() : record_(std::make_unique<autograd::Record>()) {}
Node::~Node() = default;

void* Node::operator new(size_t bytes) { return take_block(bytes); }
void* Node::operator new(size_t bytes, std::align_val_t alignment) { return ::operator new(bytes, alignment); }
void Node::operator delete(void* node, size_t bytes) noexcept { give_block(node, bytes); }
void Node::operator delete(void* node, size_t, std::align_val_t alignment) noexcept {
  ::operator delete(node, alignment);
}

bool Node::add_backward(const Tensor&, Tensor&) { return false; }

bool Node::needs_grad(size_t i) const { return record_->edges.at(i).meta != nullptr; }

Node::Input::Input(Node& owner, std::initializer_list<const Input*> saved_for)
    : owner_(owner), index_(NodeAccess::record(owner).inputs.size()), saved_(owner, Tensor(), saved_for) {
  NodeAccess::record(owner).inputs.push_back(this);
}

const Shape& Node::Input::shape() const { return NodeAccess::record(owner_).edges.at(index_).shape; }

SavedTensor::SavedTensor(Node& owner, const Tensor& tensor, std::initializer_list<const Node::Input*> for_gradients_of)
    : for_gradients_of_(for_gradients_of) {
  NodeAccess::keep(*this, tensor);
  NodeAccess::record(owner).saved.push_back(this);
}

bool Tensor::requires_grad() const { return meta_ && meta_->requires_grad; }

Tensor& Tensor::set_requires_grad(bool requires_grad) {
  if (meta_ && meta_->node) {
    fail<StateError>("Tensor::set_requires_grad", "the tensor must be a leaf", "the result of an operation",
                     "use detach()");
  }
  if (requires_grad && !(defined() && is_floating(dtype_))) {
    fail<DTypeError>("Tensor::set_requires_grad", "dtype must be f32 or f64",
                     defined() ? dtype_name(dtype_) : "an undefined tensor");
  }
  ensure_meta(*this)->requires_grad = requires_grad;
  return *this;
}

Tensor Tensor::grad() const { return meta_ ? meta_->grad : Tensor(); }

void Tensor::set_grad(Tensor grad) const {
  if (!meta_) {
    if (!grad.defined()) return;
    fail<StateError>("Tensor::set_grad", "the tensor must require a gradient", "one that does not");
  }
  if (grad.defined() && grad.shape() != shape_) {
    fail<ShapeError>("Tensor::set_grad", fmt::format("the gradient must have shape {}", shape_.to_string()),
                     grad.shape().to_string());
  }
  if (grad.defined() && grad.dtype() != dtype_) {
    fail<DTypeError>("Tensor::set_grad", fmt::format("the gradient must be {}", dtype_name(dtype_)),
                     dtype_name(grad.dtype()));
  }
  meta_->grad = grad.owns_storage_alone() ? grad.detach() : grad.clone();
}

namespace autograd {

void retire_leaf(const Tensor& leaf, std::string reason) noexcept {
  if (const auto& meta = TensorAccess::meta(leaf)) meta->retired = std::move(reason);
}

const Tensor& leaf_grad(const Tensor& leaf) noexcept { return TensorAccess::meta(leaf)->grad; }
Tensor take_grad(const Tensor& leaf) noexcept { return std::exchange(TensorAccess::meta(leaf)->grad, {}); }
void give_grad(const Tensor& leaf, Tensor grad) noexcept { TensorAccess::meta(leaf)->grad = std::move(grad); }

bool is_recorded(std::span<const Tensor> inputs) {
  return grad_enabled() && std::ranges::any_of(inputs, &Tensor::requires_grad);
}

namespace {

// Deletes a node and all that only it keeps alive, without recursion: graphs may be deeper than the stack.
void delete_node(Node* node) noexcept {
  // Deleting a node drops its edges, which may delete further nodes: those only join the list of the outermost call.
  thread_local Node* pending = nullptr;
  thread_local bool running = false;
  NodeAccess::record(*node).next_deleted = std::exchange(pending, node);
  if (running) return;
  running = true;
  while (pending) {
    Node* next = pending;
    pending = NodeAccess::record(*next).next_deleted;
    delete next;
  }
  running = false;
}

// Keeps the inputs that are saved for a gradient, and drops what was saved for none that is needed.
void settle_saved(const Record& record, std::span<const Tensor> inputs) {
  for (size_t i = 0; i < record.inputs.size(); ++i) {
    SavedTensor& saved = NodeAccess::saved(*record.inputs[i]);
    if (!NodeAccess::for_gradients_of(saved).empty()) NodeAccess::keep(saved, inputs[i]);
  }
  for (SavedTensor* saved : record.saved) {
    const auto& inputs_of = NodeAccess::for_gradients_of(*saved);
    if (!inputs_of.empty() && std::ranges::none_of(inputs_of, &NodeAccess::Input::needs_grad)) NodeAccess::drop(*saved);
  }
}

}  // namespace

Tensor connect(std::unique_ptr<Node> node, std::string_view op, const Tensor& output, std::span<const Tensor> inputs) {
  Record& record = NodeAccess::record(*node);
  if (!record.inputs.empty() && record.inputs.size() != inputs.size()) {
    fail<StateError>(op, fmt::format("a node that declares inputs must declare all {}", inputs.size()),
                     fmt::format("{}", record.inputs.size()));
  }
  record.op = op;
  record.sequence = g_sequence.fetch_add(1, std::memory_order_relaxed);
  record.edges.reserve(inputs.size());
  for (const Tensor& t : inputs) {
    record.edges.push_back({t.requires_grad() ? TensorAccess::meta(t) : nullptr, t.shape(), t.dtype()});
  }
  settle_saved(record, inputs);
  Tensor result = output.detach();
  const auto& meta = ensure_meta(result);
  meta->requires_grad = true;
  meta->node = std::shared_ptr<Node>(node.release(), delete_node, BlockAllocator<Node>());
  return result;
}

}  // namespace autograd
}  // namespace gossamer
