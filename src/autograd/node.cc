// Graph construction, leaf gradients, and release.
#include <fmt/format.h>

#include <atomic>

#include "autograd/meta.h"
#include "gossamer/autograd.h"
#include "runtime/check.h"
#include "tensor/tensor_access.h"

namespace gossamer {

namespace {
thread_local bool t_grad_enabled = true;
std::atomic<uint64_t> g_sequence{0};

const std::shared_ptr<autograd::Meta>& ensure_meta(Tensor& t) {
  if (!TensorAccess::meta(t)) TensorAccess::set_meta(t, std::make_shared<autograd::Meta>());
  return TensorAccess::meta(t);
}
}  // namespace

NoGrad::NoGrad() : before_(std::exchange(t_grad_enabled, false)) {}
NoGrad::~NoGrad() { t_grad_enabled = before_; }
bool grad_enabled() { return t_grad_enabled; }

SavedTensor::SavedTensor(Node& owner, const Tensor& tensor)
    // Without history: an output that its own node saves must not keep the node alive.
    : tensor_(tensor.detach()), version_(tensor.version()) {
  owner.saved_.push_back(this);
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

void Tensor::set_grad(const Tensor& grad) const {
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
  meta_->grad = grad.detach();
}

namespace autograd {

void retire_leaf(const Tensor& leaf, std::string reason) noexcept {
  if (const auto& meta = TensorAccess::meta(leaf)) meta->retired = std::move(reason);
}

const Tensor& leaf_grad(const Tensor& leaf) noexcept { return TensorAccess::meta(leaf)->grad; }
Tensor take_grad(const Tensor& leaf) noexcept { return std::exchange(TensorAccess::meta(leaf)->grad, {}); }
void give_grad(const Tensor& leaf, Tensor grad) noexcept { TensorAccess::meta(leaf)->grad = std::move(grad); }

bool any_requires_grad(std::span<const Tensor> inputs) {
  for (const Tensor& t : inputs) {
    if (t.requires_grad()) return true;
  }
  return false;
}

Tensor connect(std::shared_ptr<Node> node, std::string_view op, const Tensor& output, std::span<const Tensor> inputs) {
  node->op_ = op;
  node->sequence_ = g_sequence.fetch_add(1, std::memory_order_relaxed);
  node->edges_.reserve(inputs.size());
  for (const Tensor& t : inputs) {
    node->edges_.push_back({t.requires_grad() ? TensorAccess::meta(t) : nullptr, t.shape(), t.dtype()});
  }
  Tensor result = output.detach();
  const auto& meta = ensure_meta(result);
  meta->requires_grad = true;
  meta->node = std::move(node);
  return result;
}

void NodeDeleter::operator()(Node* node) const noexcept {
  // Deleting a node drops its edges, which may delete further nodes: those only join the list of the outermost call.
  thread_local Node* pending = nullptr;
  thread_local bool running = false;
  node->next_deleted_ = std::exchange(pending, node);
  if (running) return;
  running = true;
  while (pending) {
    Node* next = pending;
    pending = next->next_deleted_;
    delete next;
  }
  running = false;
}

}  // namespace autograd
}  // namespace gossamer
