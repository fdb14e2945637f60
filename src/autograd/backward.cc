// The backward walk: collect, check, run in topological order, then hand the gradients to the leaves.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "autograd/meta.h"
#include "gossamer/autograd.h"
#include "runtime/check.h"
#include "tensor/arith.h"
#include "tensor/tensor_access.h"

namespace gossamer {

// Node's bookkeeping, for this file alone.
struct NodeAccess {
  static const std::string& op(const Node& node) { return node.op_; }
  static const std::vector<autograd::Edge>& edges(const Node& node) { return node.edges_; }
  static uint64_t sequence(const Node& node) { return node.sequence_; }

  static void validate(const Node& node) {
    if (node.released_) {
      fail<StateError>("backward", "a graph can be walked once", fmt::format("'{}' was walked before", node.op_),
                       "compute the loss again");
    }
    for (const SavedTensor* saved : node.saved_) {
      if (saved->tensor_.version() != saved->version_) {
        fail<StateError>(
            "backward", "tensors that gradients need must not be written between forward and backward",
            fmt::format("an input or output of '{}', shape {}, was", node.op_, saved->tensor_.shape().to_string()),
            "run backward first, or write to a clone()");
      }
    }
    node.validate();
  }

  static void release(Node& node) {
    node.released_ = true;
    for (SavedTensor* saved : node.saved_) saved->tensor_ = Tensor();
  }
};

namespace {

using autograd::Meta;
using NodePtr = std::shared_ptr<Node>;

// All nodes that lead to `root`, outputs first. Holding them keeps release() from freeing one under the walk.
std::vector<NodePtr> collect(const NodePtr& root) {
  std::vector<NodePtr> nodes{root};
  std::unordered_map<const Node*, bool> seen{{root.get(), true}};
  for (size_t i = 0; i < nodes.size(); ++i) {
    const NodePtr node = nodes[i];
    for (const autograd::Edge& edge : NodeAccess::edges(*node)) {
      if (edge.meta && edge.meta->node && seen.emplace(edge.meta->node.get(), true).second) {
        nodes.push_back(edge.meta->node);
      }
    }
  }
  std::ranges::sort(nodes, std::greater{}, [](const NodePtr& node) { return NodeAccess::sequence(*node); });
  return nodes;
}

void check_leaf(const Meta& leaf) {
  if (!leaf.retired.empty())
    fail<StateError>("backward", "leaves must be those of the forward pass", leaf.retired, "compute the loss again");
}

void check_gradient(const Tensor& grad, const autograd::Edge& edge, const Node& node, size_t input) {
  if (!grad.defined() || grad.shape() != edge.shape || grad.dtype() != edge.dtype) {
    const std::string given = grad.defined() ? fmt::format("{} {}", dtype_name(grad.dtype()), grad.shape().to_string())
                                             : "an undefined tensor";
    fail<ShapeError>(
        fmt::format("backward of '{}'", NodeAccess::op(node)),
        fmt::format("the gradient of input {} must be {} {}", input, dtype_name(edge.dtype), edge.shape.to_string()),
        given);
  }
}

// sum += grad. Works in place only where nobody else can see the storage.
void accumulate(Tensor& sum, Tensor grad) {
  if (!sum.defined()) {
    sum = std::move(grad);
    return;
  }
  if (!sum.owns_storage_alone()) sum = sum.clone();
  add_into(sum, grad);
}

thread_local std::vector<std::unique_ptr<autograd::Effect>>* t_effects = nullptr;

// Gathers the effects of the nodes that run while it lives; an inner walk has its own.
class Effects {
 public:
  Effects() : outer_(std::exchange(t_effects, &effects_)) {}
  ~Effects() { t_effects = outer_; }
  Effects(const Effects&) = delete;
  Effects& operator=(const Effects&) = delete;

  void commit() noexcept {
    for (const auto& effect : effects_) effect->commit();
  }

 private:
  std::vector<std::unique_ptr<autograd::Effect>> effects_;
  std::vector<std::unique_ptr<autograd::Effect>>* outer_;
};

// What a leaf gets: a new gradient, or a sum to be added in place.
struct LeafSum {
  std::shared_ptr<Meta> meta;
  Tensor sum;
  bool in_place = false;

  // Takes all memory; commit() cannot fail.
  void prepare() {
    if (!meta->grad.defined()) {
      // A gradient that shares storage (with the caller's, or with another leaf's) becomes the leaf's own.
      if (!sum.owns_storage_alone()) sum = sum.clone();
      return;
    }
    in_place = meta->grad.owns_storage_alone();
    if (in_place) return prepare_add(meta->grad, sum);
    Tensor whole = meta->grad.clone();
    add_into(whole, sum);
    sum = std::move(whole);
  }
  void commit() noexcept {
    if (in_place) {
      add_into(meta->grad, sum);
    } else {
      meta->grad = std::move(sum);
    }
  }
};

}  // namespace

void autograd::at_end_of_walk(std::unique_ptr<Effect> effect) {
  if (t_effects == nullptr) return effect->commit();
  t_effects->push_back(std::move(effect));
}

void Tensor::backward() const {
  if (numel() != 1) {
    fail<ShapeError>("backward", "the tensor must have one element",
                     defined() ? shape_.to_string() : "an undefined tensor", "give the gradient: backward(grad)");
  }
  backward(full(shape_, 1, dtype_));
}

void Tensor::backward(const Tensor& grad) const {
  if (!requires_grad()) {
    fail<StateError>("backward", "the tensor must depend on one that requires a gradient", "it does not",
                     "was it computed under NoGrad?");
  }
  if (!grad.defined() || grad.shape() != shape_ || grad.dtype() != dtype_) {
    fail<ShapeError>("backward", fmt::format("the gradient must be {} {}", dtype_name(dtype_), shape_.to_string()),
                     grad.defined() ? fmt::format("{} {}", dtype_name(grad.dtype()), grad.shape().to_string())
                                    : "an undefined tensor");
  }
  // Leaves get their sums at the very end: an exception on the way leaves every gradient as it was.
  std::vector<LeafSum> leaves;
  std::unordered_map<const Meta*, size_t> leaf_index;
  const auto to_leaf = [&](const std::shared_ptr<Meta>& meta, Tensor g) {
    const auto [it, fresh] = leaf_index.emplace(meta.get(), leaves.size());
    if (fresh) leaves.push_back({meta, Tensor()});
    accumulate(leaves[it->second].sum, std::move(g));
  };
  Effects effects;

  NoGrad no_grad;
  if (meta_->node) {
    std::vector<NodePtr> nodes = collect(meta_->node);
    std::unordered_map<const Node*, Tensor> pending{{meta_->node.get(), grad.detach()}};
    for (const NodePtr& node : nodes) {
      NodeAccess::validate(*node);
      for (const autograd::Edge& edge : NodeAccess::edges(*node)) {
        if (edge.meta && !edge.meta->node) check_leaf(*edge.meta);
      }
    }
    for (NodePtr& node : nodes) {
      const auto found = pending.find(node.get());
      const Tensor output_grad = std::move(found->second);
      pending.erase(found);
      std::vector<Tensor> input_grads = node->backward(output_grad);
      const auto& edges = NodeAccess::edges(*node);
      if (input_grads.size() != edges.size()) {
        fail<ShapeError>(fmt::format("backward of '{}'", NodeAccess::op(*node)),
                         fmt::format("there must be a gradient for each of {} inputs", edges.size()),
                         fmt::format("{}", input_grads.size()));
      }
      for (size_t i = 0; i < edges.size(); ++i) {
        const autograd::Edge& edge = edges[i];
        if (!edge.meta) continue;
        check_gradient(input_grads[i], edge, *node, i);
        if (edge.meta->node) {
          accumulate(pending[edge.meta->node.get()], std::move(input_grads[i]));
        } else {
          to_leaf(edge.meta, std::move(input_grads[i]));
        }
      }
      // Saved tensors go as soon as they were used, so that the peak falls during the walk.
      NodeAccess::release(*node);
    }
  } else {
    check_leaf(*meta_);
    to_leaf(meta_, grad.detach());
  }
  for (LeafSum& leaf : leaves) leaf.prepare();
  for (LeafSum& leaf : leaves) leaf.commit();
  effects.commit();
}

}  // namespace gossamer
