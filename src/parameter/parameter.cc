#include "gossamer/parameter.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <utility>

#include "ops/csr/scatter.h"
#include "parameter/access.h"
#include "parameter/change.h"
#include "parameter/state.h"
#include "runtime/check.h"
#include "runtime/table.h"

namespace gossamer {

Parameter::Parameter(std::shared_ptr<State> state) : state_(std::move(state)) {}

Parameter::Parameter(const Tensor& value, std::string name) : state_(std::make_shared<State>()) {
  if (!value.defined() || !is_floating(value.dtype())) {
    fail<DTypeError>("Parameter", "the value must be f32 or f64",
                     value.defined() ? dtype_name(value.dtype()) : "an undefined tensor",
                     "convert with .to(DType::f32)");
  }
  state_->name = std::move(name);
  state_->shape = value.shape();
  state_->weight.values = value.detach();
  state_->weight.values.set_requires_grad();
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
  p.state_->weight.pattern = std::move(pattern);
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
  return state_->weight.pattern;
}
Tensor Parameter::values() const {
  check_defined("Parameter::values");
  return state_->weight.values;
}
bool Parameter::requires_dense() const {
  check_defined("Parameter::requires_dense");
  return state_->requires_dense;
}
Execution Parameter::execution() const {
  check_defined("Parameter::execution");
  return state_->weight.execution;
}
void Parameter::set_execution(Execution execution) const {
  check_defined("Parameter::set_execution");
  state_->weight.execution = execution;
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
  state_->weight.tap->clear();
}

Tensor Parameter::tensor() const { return is_csr() ? csr_to_dense(state_->weight, shape()) : values(); }

Tensor Parameter::canonical_values() const {
  return is_csr() ? pattern()->to_canonical(values()) : values().clone().alias({numel()});
}

Tensor Parameter::canonical_grad() const {
  const Tensor g = grad();
  if (!g.defined()) return {};
  return is_csr() ? pattern()->to_canonical(g) : g.clone().alias({numel()});
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

void Parameter::apply(const TopologyChange& change) const { PreparedChange(*this, change).commit(); }

void Parameter::assign(const Tensor& dense, std::shared_ptr<const CsrPattern> pattern) const {
  check_defined("Parameter::assign");
  PreparedChange::assignment(*this, dense, std::move(pattern)).commit();
}

void Parameter::assign_canonical(const Tensor& values, std::shared_ptr<const CsrPattern> pattern) const {
  check_defined("Parameter::assign_canonical");
  PreparedChange::canonical_assignment(*this, values, std::move(pattern)).commit();
}

void Parameter::validate() const {
  check_defined("Parameter::validate");
  const State& s = *state_;
  const Shape slots = is_csr() ? Shape{s.weight.pattern->nnz()} : s.shape;
  const auto check_array = [&](const Tensor& array, const char* what) {
    if (array.defined() && array.shape() == slots && array.dtype() == dtype()) return;
    fail<StateError>(fmt::format("'{}'", s.name),
                     fmt::format("{} must be {} {}", what, dtype_name(dtype()), slots.to_string()),
                     array.defined() ? fmt::format("{} {}", dtype_name(array.dtype()), array.shape().to_string())
                                     : "an undefined tensor",
                     "change patterns with Parameter::apply");
  };
  check_array(s.weight.values, "values");
  if (const Tensor grad = s.weight.values.grad(); grad.defined()) check_array(grad, "the gradient");
  for (const std::weak_ptr<SlotArray>& weak : s.arrays) {
    if (const auto array = weak.lock()) check_array(array->data, "a state");
  }
  if (is_csr()) s.weight.check(s.name);
}

const ChangeCounts& Parameter::last_change() const {
  check_defined("Parameter::last_change");
  return state_->last_change;
}

void Parameter::set_forward_pattern(const std::shared_ptr<const CsrPattern>& subset) const {
  check_defined("Parameter::set_forward_pattern");
  if (!subset) {
    state_->weight.subset = nullptr;
    return;
  }
  const std::string op = fmt::format("Parameter::set_forward_pattern('{}')", name());
  if (!is_csr()) fail<StateError>(op, "the parameter must be CSR", "it is dense", "call model.apply(sparsity) before");
  state_->weight.subset = ParameterAccess::make_forward_subset(op, *pattern(), subset);
}

std::shared_ptr<const CsrPattern> Parameter::forward_pattern() const {
  check_defined("Parameter::forward_pattern");
  return state_->weight.subset ? state_->weight.subset->pattern() : nullptr;
}

Parameter Parameter::clone() const {
  check_defined("Parameter::clone");
  auto state = std::make_shared<State>();
  state->name = state_->name;
  state->copy(*state_);
  return Parameter(std::move(state));
}

int64_t Parameter::index_bytes() const {
  if (!is_csr()) return 0;
  const ForwardSubset* subset = state_->weight.subset.get();
  return pattern()->bytes() + (subset == nullptr ? 0 : subset->bytes());
}

std::string ParameterAccess::describe(const Parameter& p) {
  const std::string what = fmt::format("{} {}", dtype_name(p.dtype()), p.shape().to_string());
  if (!p.is_csr()) return what + ", dense";
  return fmt::format("{}, CSR with {} nonzeros (sparsity {})", what, p.nnz(), rt::percent(p.sparsity(), 2));
}

std::string Parameter::to_string() const {
  if (!defined()) return "an undefined parameter";
  return (name().empty() ? "" : name() + ": ") + ParameterAccess::describe(*this);
}

std::ostream& operator<<(std::ostream& out, const Parameter& parameter) { return out << parameter.to_string(); }

const CsrWeight& ParameterAccess::weight(const Parameter& p) {
  p.check_defined("Parameter");
  return p.state_->weight;
}
void ParameterAccess::copy(const Parameter& to, const Parameter& from) {
  to.check_defined("Parameter");
  from.check_defined("Parameter");
  std::erase_if(to.state_->arrays, [](const std::weak_ptr<SlotArray>& weak) { return weak.expired(); });
  if (!to.state_->arrays.empty()) {
    fail<StateError>("copy_state_from", fmt::format("'{}' must not have optimizer states yet", to.name()), "it has",
                     "copy before the first step, or call load_state_dict");
  }
  to.state_->copy(*from.state_);
}
GradientTap& ParameterAccess::tap(const Parameter& p) { return *weight(p).tap; }

std::shared_ptr<const ForwardSubset> ParameterAccess::make_forward_subset(
    std::string_view op, const CsrPattern& whole, const std::shared_ptr<const CsrPattern>& subset) {
  TopologyChange change = TopologyChange::between(whole, subset);
  return std::make_shared<const ForwardSubset>(op, whole.nnz(), std::move(change.pattern), std::move(change.source));
}
void ParameterAccess::set_forward_subset(const Parameter& p, std::shared_ptr<const ForwardSubset> subset) noexcept {
  p.state_->weight.subset = std::move(subset);
}

std::shared_ptr<SlotArray> ParameterAccess::make_slot_array(const Parameter& p) {
  p.check_defined("make_slot_array");
  auto array = std::make_shared<SlotArray>(SlotArray{Tensor::zeros(p.values().shape(), p.dtype())});
  // Those of optimizers that are gone would otherwise stay until the next change of the pattern.
  std::erase_if(p.state_->arrays, [](const std::weak_ptr<SlotArray>& weak) { return weak.expired(); });
  p.state_->arrays.push_back(array);
  return array;
}

bool ParameterAccess::is_claimed(const Parameter& p) {
  p.check_defined("is_claimed");
  return !p.state_->claim.expired();
}
bool ParameterAccess::is_changed(const Parameter& p) { return is_claimed(p) && p.state_->claim_changes; }
void ParameterAccess::claim(const Parameter& p, const std::shared_ptr<const void>& token, bool changes) {
  p.check_defined("claim");
  p.state_->claim = token;
  p.state_->claim_changes = changes;
}

void ParameterAccess::watch_steps(const Parameter& p, const std::shared_ptr<StepWatcher>& watcher) {
  p.check_defined("watch_steps");
  p.state_->step_watcher = watcher;
}
void ParameterAccess::tell_step(const Parameter& p) noexcept {
  if (const auto watcher = p.state_->step_watcher.lock()) watcher->stepped(p);
}

void ParameterAccess::observe_inputs(const Parameter& p, std::function<void(const Tensor& x)> f) {
  p.check_defined("observe_inputs");
  p.state_->input_observer = f ? std::make_shared<const std::function<void(const Tensor&)>>(std::move(f)) : nullptr;
}
void ParameterAccess::show_input(const Parameter& p, const Tensor& x) {
  // Held: an observer may end itself.
  if (const auto f = p.state_->input_observer) (*f)(x.detach());
}

}  // namespace gossamer
