// The backward walk: collect, check, run in topological order, then hand the gradients to the leaves.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "autograd/meta.h"
#include "gossamer/autograd.h"
#include "runtime/blocks.h"
#include "runtime/check.h"
#include "tensor/arith.h"
#include "tensor/format.h"

namespace gossamer {

namespace {

using autograd::Edge;
using autograd::Meta;
using NodePtr = std::shared_ptr<Node>;

// What a walk needs for some nodes: in blocks, as the nodes themselves.
template <class T>
using List = BlockVector<T>;
template <class Key, class T>
using Map = std::unordered_map<Key, T, std::hash<Key>, std::equal_to<Key>, BlockAllocator<std::pair<const Key, T>>>;

autograd::Record& record_of(const NodePtr& node) { return NodeAccess::record(*node); }

// A walk of this thread, with the effects of its nodes. No other may begin within it: its sums would reach leaves
// before the outer walk is known to succeed.
class Walk {
 public:
  Walk() {
    if (t_walk != nullptr) {
      fail<StateError>("backward", "one graph is walked at a time", "it is called from the backward of a node",
                       "return the gradients from the node instead");
    }
    t_walk = this;
  }
  ~Walk() { t_walk = nullptr; }
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;

  // Null where this thread walks no graph.
  static Walk* running() { return t_walk; }
  void add(std::unique_ptr<autograd::Effect> effect) { effects_.push_back(std::move(effect)); }
  void commit() noexcept {
    for (const auto& effect : effects_) effect->commit();
  }

 private:
  static thread_local Walk* t_walk;
  NoGrad no_grad_;
  List<std::unique_ptr<autograd::Effect>> effects_;
};
thread_local Walk* Walk::t_walk = nullptr;

// All nodes that lead to `root`, outputs first. Holding them keeps release() from freeing one under the walk.
List<NodePtr> collect(const NodePtr& root) {
  List<NodePtr> nodes{root};
  Map<const Node*, bool> seen{{root.get(), true}};
  for (size_t i = 0; i < nodes.size(); ++i) {
    const NodePtr node = nodes[i];
    for (const Edge& edge : record_of(node).edges) {
      if (edge.meta && edge.meta->node && seen.emplace(edge.meta->node.get(), true).second) {
        nodes.push_back(edge.meta->node);
      }
    }
  }
  std::ranges::sort(nodes, std::greater{}, [](const NodePtr& node) { return record_of(node).sequence; });
  return nodes;
}

void check_leaf(const Meta& leaf) {
  if (!leaf.retired.empty())
    fail<StateError>("backward", "leaves must be those of the forward pass", leaf.retired, "compute the loss again");
}

void check_node(const NodePtr& node) {
  const autograd::Record& record = record_of(node);
  if (record.released) {
    fail<StateError>("backward", "a graph can be walked once", fmt::format("'{}' was walked before", record.op),
                     "compute the loss again");
  }
  for (const SavedTensor* saved : record.saved) {
    if (NodeAccess::is_written(*saved)) {
      fail<StateError>(
          "backward", "tensors that gradients need must not be written between forward and backward",
          fmt::format("an input or output of '{}', shape {}, was", record.op, saved->get().shape().to_string()),
          "run backward first, or write to a clone()");
    }
  }
  for (const Edge& edge : record.edges) {
    if (edge.meta && !edge.meta->node) check_leaf(*edge.meta);
  }
  NodeAccess::validate(*node);
}

void check_gradients(const Gradients& grads, const autograd::Record& record) {
  const auto op = [&] { return fmt::format("backward of '{}'", record.op); };
  if (grads.size() != record.edges.size()) {
    fail<ShapeError>(op(), fmt::format("there must be a gradient for each of {} inputs", record.edges.size()),
                     fmt::format("{}", grads.size()));
  }
  for (size_t i = 0; i < grads.size(); ++i) {
    const Tensor& grad = grads[i];
    const Edge& edge = record.edges[i];
    if (!edge.meta || (grad.defined() && grad.shape() == edge.shape && grad.dtype() == edge.dtype)) continue;
    fail<ShapeError>(
        op(), fmt::format("the gradient of input {} must be {} {}", i, dtype_name(edge.dtype), edge.shape.to_string()),
        describe(grad));
  }
}

void release(autograd::Record& record) {
  record.released = true;
  for (SavedTensor* saved : record.saved) NodeAccess::drop(*saved);
}

// sum += grad. In place where no other tensor shares the storage.
void accumulate(Tensor& sum, Tensor grad) {
  if (!sum.defined()) {
    sum = std::move(grad);
    return;
  }
  if (!sum.owns_storage_alone()) sum = sum.clone();
  add_into(sum, grad);
}

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
  if (Walk::running() == nullptr) return effect->commit();
  Walk::running()->add(std::move(effect));
}

void Tensor::backward() const {
  if (numel() != 1) {
    fail<ShapeError>("backward", "the tensor must have one element", describe(*this),
                     "give the gradient: backward(grad)");
  }
  backward(full(shape_, 1, dtype_));
}

void Tensor::backward(const Tensor& grad) const {
  if (!requires_grad()) {
    fail<StateError>("backward", "the tensor must depend on one that requires a gradient", "it does not",
                     "was it computed under NoGrad, or is the model frozen (nn::freeze)?");
  }
  if (!grad.defined() || grad.shape() != shape_ || grad.dtype() != dtype_) {
    fail<ShapeError>("backward", fmt::format("the gradient must be {} {}", dtype_name(dtype_), shape_.to_string()),
                     describe(grad));
  }
  Walk walk;
  List<LeafSum> leaves;
  Map<const Meta*, size_t> leaf_index;
  Map<const Node*, Tensor> pending;
  const auto hand_on = [&](const std::shared_ptr<Meta>& meta, Tensor g) {
    if (meta->node) return accumulate(pending[meta->node.get()], std::move(g));
    const auto [it, fresh] = leaf_index.emplace(meta.get(), leaves.size());
    if (fresh) leaves.push_back({meta, Tensor()});
    accumulate(leaves[it->second].sum, std::move(g));
  };

  // Of the gradients that the only input of a node has from other uses, null where there are none.
  const auto sum_of_input = [&](const autograd::Record& record) -> Tensor* {
    if (record.edges.size() != 1 || !record.edges[0].meta) return nullptr;
    const Meta* const meta = record.edges[0].meta.get();
    if (meta->node) {
      const auto it = pending.find(meta->node.get());
      return it == pending.end() ? nullptr : &it->second;
    }
    const auto it = leaf_index.find(meta);
    return it == leaf_index.end() ? nullptr : &leaves[it->second].sum;
  };

  const List<NodePtr> nodes = meta_->node ? collect(meta_->node) : List<NodePtr>();
  for (const NodePtr& node : nodes) check_node(node);
  if (nodes.empty()) check_leaf(*meta_);
  hand_on(meta_, grad.detach());
  for (const NodePtr& node : nodes) {
    autograd::Record& record = record_of(node);
    Tensor node_grad = pending.extract(node.get()).mapped();
    Tensor* const sum = sum_of_input(record);
    const bool in_place = sum != nullptr && sum->owns_storage_alone();
    if (!in_place || !NodeAccess::add_backward(*node, node_grad, *sum)) {
      // Freed by the call: a gradient handed on as it is then has its storage alone.
      Gradients grads = node->backward(std::exchange(node_grad, Tensor()));
      check_gradients(grads, record);
      for (size_t i = 0; i < grads.size(); ++i) {
        if (record.edges[i].meta) hand_on(record.edges[i].meta, std::move(grads[i]));
      }
    }
    // Saved tensors go as soon as they were used, so that the peak falls during the walk.
    release(record);
  }
  for (LeafSum& leaf : leaves) leaf.prepare();
  for (LeafSum& leaf : leaves) leaf.commit();
  walk.commit();
}

}  // namespace gossamer
