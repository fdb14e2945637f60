#include "gossamer/parameter.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "autograd/meta.h"
#include "ops/gradient_tap.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "tensor/csr_stream.h"
#include "tensor/dispatch.h"

namespace gossamer {

struct Parameter::State {
  std::string name;
  Shape shape;
  std::shared_ptr<const CsrPattern> pattern;
  Tensor values;
  std::shared_ptr<const ForwardSubset> forward_subset;
  bool requires_dense = false;
  ChangeCounts last_change;
  std::function<void(const Tensor&)> input_observer;
  Execution execution = Execution::Auto;
  std::vector<std::weak_ptr<SlotArray>> arrays;
  std::shared_ptr<GradientTap> tap = std::make_shared<GradientTap>();
  std::weak_ptr<const void> claim;
};

namespace {

// array[new slot] = old[source], 0 where the slot is new.
Tensor remap(const Tensor& old, const std::vector<int64_t>& source) {
  Tensor moved = Tensor::empty({static_cast<int64_t>(source.size())}, old.dtype());
  dispatch_all(old.dtype(), [&]<class T>() {
    const T* from = old.data<T>();
    T* to = moved.mutable_data<T>();
    rt::parallel_chunks(moved.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      std::transform(source.begin() + begin, source.begin() + end, to + begin,
                     [&](int64_t s) { return s < 0 ? T(0) : from[s]; });
    });
  });
  return moved;
}

}  // namespace

TopologyChange TopologyChange::between(const CsrPattern& from, std::shared_ptr<const CsrPattern> to) {
  if (!to || from.rows() != to->rows() || from.cols() != to->cols()) {
    fail<ShapeError>("TopologyChange::between", fmt::format("both patterns must be {} x {}", from.rows(), from.cols()),
                     to ? fmt::format("{} x {}", to->rows(), to->cols()) : "none");
  }
  std::vector<int64_t> source(static_cast<size_t>(to->nnz()));
  if (from.is_full()) {
    parallel_row_blocks(*to, [&](const CsrPattern::Walk& walk, int64_t) {
      walk.for_each([&](const SlotPosition& p) { source[static_cast<size_t>(p.slot)] = p.row * from.cols() + p.col; });
    });
    return {std::move(to), std::move(source)};
  }
  const CsrPattern::Walk sizes(*to);
  const CsrPattern::Walk old_sizes(from);
  // Where one of the patterns has fewer blocks, each of its blocks is loaded by one run only.
  const int64_t runs = std::clamp<int64_t>(std::min(sizes.blocks(), old_sizes.blocks()), 1, 64);
  rt::parallel_for(runs, [&](int64_t run) {
    const int64_t begin = run * sizes.blocks() / runs;
    const int64_t end = (run + 1) * sizes.blocks() / runs;
    if (begin == end) return;
    CsrPattern::Walk walk(*to);
    CsrPattern::Walk old_walk(from);
    old_walk.load(old_sizes.block_of(sizes.row_begin(begin)));
    SlotPosition old{};
    bool more = old_walk.next(old);
    for (int64_t block = begin; block < end; ++block) {
      walk.load(block);
      walk.for_each([&](const SlotPosition& p) {
        while (more && (old.row < p.row || (old.row == p.row && old.col < p.col))) more = old_walk.next(old);
        const bool survives = more && old.row == p.row && old.col == p.col;
        source[static_cast<size_t>(p.slot)] = survives ? old.slot : -1;
      });
    }
  });
  return {std::move(to), std::move(source)};
}

Parameter::Parameter(std::shared_ptr<State> state) : state_(std::move(state)) {}

Parameter::Parameter(const Tensor& value, std::string name) : state_(std::make_shared<State>()) {
  if (!value.defined() || !is_floating(value.dtype())) {
    fail<DTypeError>("Parameter", "the value must be f32 or f64",
                     value.defined() ? dtype_name(value.dtype()) : "an undefined tensor");
  }
  state_->name = std::move(name);
  state_->shape = value.shape();
  state_->values = value.detach();
  state_->values.set_requires_grad();
}

Parameter Parameter::csr(const Shape& shape, std::shared_ptr<const CsrPattern> pattern, const Tensor& values,
                         std::string name) {
  const MatrixSize size = as_matrix(shape);
  if (!pattern || pattern->rows() != size.rows || pattern->cols() != size.cols) {
    fail<ShapeError>("Parameter::csr", fmt::format("the pattern must be {} x {}", size.rows, size.cols),
                     pattern ? fmt::format("{} x {}", pattern->rows(), pattern->cols()) : "none");
  }
  if (!values.defined() || values.shape() != Shape({pattern->nnz()})) {
    fail<ShapeError>("Parameter::csr", fmt::format("values must be [{}], one per nonzero", pattern->nnz()),
                     values.defined() ? values.shape().to_string() : "an undefined tensor");
  }
  Parameter p(values, std::move(name));
  p.state_->shape = shape;
  p.state_->pattern = std::move(pattern);
  return p;
}

void Parameter::check_defined(const char* op) const {
  if (!state_) fail<StateError>(op, "the parameter must be defined", "an undefined parameter");
}

const std::string& Parameter::name() const {
  check_defined("Parameter::name");
  return state_->name;
}
void Parameter::set_name(std::string name) const {
  check_defined("Parameter::set_name");
  state_->name = std::move(name);
}
const Shape& Parameter::shape() const {
  check_defined("Parameter::shape");
  return state_->shape;
}
const std::shared_ptr<const CsrPattern>& Parameter::pattern() const {
  check_defined("Parameter::pattern");
  return state_->pattern;
}
Tensor Parameter::values() const {
  check_defined("Parameter::values");
  return state_->values;
}
bool Parameter::requires_dense() const {
  check_defined("Parameter::requires_dense");
  return state_->requires_dense;
}
Execution Parameter::execution() const {
  check_defined("Parameter::execution");
  return state_->execution;
}
void Parameter::set_execution(Execution execution) const {
  check_defined("Parameter::set_execution");
  state_->execution = execution;
}
const std::shared_ptr<GradientTap>& Parameter::gradient_tap() const {
  check_defined("Parameter::gradient_tap");
  return state_->tap;
}

bool Parameter::is_claimed() const {
  check_defined("Parameter::is_claimed");
  return !state_->claim.expired();
}
void Parameter::claim(const std::shared_ptr<const void>& token) const {
  check_defined("Parameter::claim");
  state_->claim = token;
}

double Parameter::sparsity() const { return is_csr() ? pattern()->sparsity() : 0; }

std::shared_ptr<const CsrPattern> Parameter::topology() const {
  if (is_csr()) return pattern();
  const MatrixSize size = as_matrix(shape());
  return CsrPattern::full(size.rows, size.cols);
}

void Parameter::set_requires_grad(bool requires_grad) const { values().set_requires_grad(requires_grad); }

void Parameter::set_requires_dense(bool requires_dense) const {
  check_defined("Parameter::set_requires_dense");
  if (requires_dense && is_csr()) {
    fail<StateError>("Parameter::set_requires_dense", "the parameter must be dense still",
                     fmt::format("'{}' is CSR", name()), "mark it before model.apply(sparsity)");
  }
  state_->requires_dense = requires_dense;
}

void Parameter::zero_grad() const {
  values().set_grad({});
  state_->tap->clear();
}

Tensor Parameter::tensor() const {
  return is_csr() ? csr_to_dense(pattern(), values(), shape(), gradient_tap(), state_->forward_subset) : values();
}

Tensor Parameter::dense() const { return is_csr() ? pattern()->dense(values()).alias(shape()) : values().clone(); }

Tensor Parameter::mask() const {
  return is_csr() ? pattern()->mask().alias(shape()) : Tensor::ones(shape(), DType::boolean);
}

void Parameter::check(const TopologyChange& change) const {
  check_defined("Parameter::apply");
  const std::string op = fmt::format("Parameter::apply('{}')", name());
  const MatrixSize size = as_matrix(shape());
  if (!change.pattern) fail<StateError>(op, "the change must have a pattern", "none");
  if (change.pattern->rows() != size.rows || change.pattern->cols() != size.cols) {
    fail<ShapeError>(op, fmt::format("the pattern must be {} x {}", size.rows, size.cols),
                     fmt::format("{} x {}", change.pattern->rows(), change.pattern->cols()));
  }
  if (change.source.empty()) return;
  if (static_cast<int64_t>(change.source.size()) != change.pattern->nnz()) {
    fail<ShapeError>(op, fmt::format("source must have {} elements, one per slot", change.pattern->nnz()),
                     fmt::format("{}", change.source.size()), "build it with TopologyChange::between");
  }
  const auto bad = std::ranges::find_if(change.source, [&](int64_t s) { return s < -1 || s >= nnz(); });
  if (bad != change.source.end()) {
    fail<ConfigError>(op, fmt::format("source must name old slots below {}, or -1", nnz()), fmt::format("{}", *bad),
                      "build it with TopologyChange::between");
  }
}

void Parameter::apply(const TopologyChange& change) const {
  check(change);
  if (change.source.empty() && change.pattern->nnz() > 0) {
    apply(TopologyChange::between(*topology(), change.pattern));
    return;
  }
  State& s = *state_;
  const int64_t grown = std::ranges::count(change.source, -1);
  const int64_t kept = change.pattern->nnz() - grown;
  s.last_change = {s.last_change.changes + 1, kept, nnz() - kept, grown};
  // The old pattern and its plans go first, then one array after the other: the peak is one array above the sum.
  s.forward_subset = nullptr;
  s.pattern = change.pattern;
  Tensor values = remap(s.values, change.source);
  values.set_requires_grad(s.values.requires_grad());
  if (const Tensor grad = s.values.grad(); grad.defined()) {
    s.values.set_grad({});
    values.set_grad(remap(grad, change.source));
  }
  autograd::retire_leaf(s.values, fmt::format("the pattern of '{}' changed since the forward pass", s.name));
  s.values = values;
  values = {};
  std::erase_if(s.arrays, [](const std::weak_ptr<SlotArray>& weak) { return weak.expired(); });
  for (const std::weak_ptr<SlotArray>& weak : s.arrays) {
    if (const auto array = weak.lock()) array->data = remap(array->data, change.source);
  }
}

void Parameter::assign(const Tensor& dense, std::shared_ptr<const CsrPattern> pattern) const {
  check_defined("Parameter::assign");
  State& s = *state_;
  const std::string op = fmt::format("Parameter::assign('{}')", s.name);
  if (!dense.defined() || dense.shape() != s.shape) {
    fail<ShapeError>(op, fmt::format("the value must have shape {}", s.shape.to_string()),
                     dense.defined() ? dense.shape().to_string() : "an undefined tensor");
  }
  if (dense.dtype() != dtype()) {
    fail<DTypeError>(op, fmt::format("the value must be {}", dtype_name(dtype())), dtype_name(dense.dtype()),
                     "convert with .to(dtype)");
  }
  const MatrixSize size = as_matrix(s.shape);
  const auto target = pattern ? pattern : CsrPattern::full(size.rows, size.cols);
  apply({target});
  zero_grad();
  s.values.copy_from(target->gather(dense));
  if (!pattern) {
    // The dense storage has the parameter's own shape, and so has its leaf; slot arrays follow.
    const bool requires_grad = s.values.requires_grad();
    s.pattern = nullptr;
    s.values = s.values.alias(s.shape);
    s.values.set_requires_grad(requires_grad);
    for (const std::weak_ptr<SlotArray>& weak : s.arrays) {
      if (const auto array = weak.lock()) array->data = array->data.alias(s.shape);
    }
  }
}

const ChangeCounts& Parameter::last_change() const {
  check_defined("Parameter::last_change");
  return state_->last_change;
}

void Parameter::set_forward_pattern(const std::shared_ptr<const CsrPattern>& subset) const {
  check_defined("Parameter::set_forward_pattern");
  if (!subset) {
    state_->forward_subset = nullptr;
    return;
  }
  const std::string op = fmt::format("Parameter::set_forward_pattern('{}')", name());
  if (!is_csr()) fail<StateError>(op, "the parameter must be CSR", "it is dense", "call model.apply(sparsity) before");
  TopologyChange change = TopologyChange::between(*pattern(), subset);
  if (const auto missing = std::ranges::count(change.source, -1); missing > 0) {
    fail<ConfigError>(op, "the subset must lie within the pattern", fmt::format("{} connections do not", missing));
  }
  state_->forward_subset =
      std::make_shared<ForwardSubset>(ForwardSubset{std::move(change.pattern), std::move(change.source)});
}

std::shared_ptr<const CsrPattern> Parameter::forward_pattern() const {
  check_defined("Parameter::forward_pattern");
  return state_->forward_subset ? state_->forward_subset->pattern : nullptr;
}

void Parameter::observe_inputs(std::function<void(const Tensor& x)> f) const {
  check_defined("Parameter::observe_inputs");
  state_->input_observer = std::move(f);
}

std::shared_ptr<SlotArray> Parameter::make_slot_array() const {
  check_defined("Parameter::make_slot_array");
  auto array = std::make_shared<SlotArray>(SlotArray{Tensor::zeros(values().shape(), dtype())});
  state_->arrays.push_back(array);
  return array;
}

Parameter Parameter::clone() const {
  check_defined("Parameter::clone");
  auto state = std::make_shared<State>();
  state->name = state_->name;
  state->shape = state_->shape;
  state->pattern = state_->pattern;
  state->forward_subset = state_->forward_subset;
  state->requires_dense = state_->requires_dense;
  state->execution = state_->execution;
  state->values = state_->values.clone();
  state->values.set_requires_grad(state_->values.requires_grad());
  return Parameter(std::move(state));
}

int64_t Parameter::index_bytes() const {
  if (!is_csr()) return 0;
  const ForwardSubset* subset = state_->forward_subset.get();
  return pattern()->bytes() +
         (subset == nullptr ? 0
                            : subset->pattern->bytes() + static_cast<int64_t>(subset->source.size() * sizeof(int64_t)));
}

Tensor linear(const Tensor& x, const Parameter& weight, const Parameter& bias) {
  weight.check_defined("linear");
  const Parameter::State& w = *weight.state_;
  const Tensor b = bias.defined() ? bias.tensor() : Tensor();
  const bool csr = w.pattern != nullptr && w.shape.rank() == 2;
  const Tensor y = csr ? csr_linear(x, w.pattern, w.values, b, {w.execution, w.forward_subset, w.tap})
                       : linear(x, weight.tensor(), b);
  // After the product, which checks the shapes.
  if (w.input_observer) w.input_observer(x.detach());
  return y;
}

}  // namespace gossamer
