#include "parameter/change.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "autograd/meta.h"
#include "parameter/state.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "tensor/arith.h"
#include "tensor/dispatch.h"

namespace gossamer {

namespace {

// to[new slot] = from[source], 0 where the slot is new.
void gather_slots(const Tensor& from, const std::vector<int64_t>& source, Tensor& to) {
  dispatch_all(from.dtype(), [&]<class T>() {
    const T* old = from.data<T>();
    T* moved = to.mutable_data<T>();
    rt::parallel_chunks(to.numel(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
      std::transform(source.begin() + begin, source.begin() + end, moved + begin,
                     [&](int64_t s) { return s < 0 ? T(0) : old[s]; });
    });
  });
}

void check_assigned(const char* function, const Parameter& parameter, const Tensor& values, const Shape& shape) {
  if (values.defined() && values.shape() == shape && values.dtype() == parameter.dtype()) return;
  const std::string op = fmt::format("Parameter::{}('{}')", function, parameter.name());
  if (!values.defined() || values.shape() != shape) {
    fail<ShapeError>(op, fmt::format("the value must have shape {}", shape.to_string()),
                     values.defined() ? values.shape().to_string() : "an undefined tensor");
  }
  fail<DTypeError>(op, fmt::format("the value must be {}", dtype_name(parameter.dtype())), dtype_name(values.dtype()),
                   "convert with .to(dtype)");
}

Tensor leaf(Tensor values, bool requires_grad) {
  values.set_requires_grad(requires_grad);
  return values;
}

}  // namespace

PreparedChange::PreparedChange(const Parameter& parameter, TopologyChange change) {
  parameter.check(change);
  plan(parameter, std::move(change));
  plan_memory();
}

template <class F>
PreparedChange PreparedChange::assigning(const Parameter& parameter, std::shared_ptr<const CsrPattern> pattern,
                                         Becomes becomes, F&& gather) {
  TopologyChange change{std::move(pattern)};
  parameter.check(change);
  PreparedChange prepared;
  prepared.assigns_ = true;
  prepared.plan(parameter, change);
  if (becomes == Becomes::Dense) {
    prepared.pattern_ = nullptr;
    prepared.slots_ = parameter.shape();
  }
  prepared.filled_ = true;
  prepared.values_ = leaf(gather(*change.pattern).alias(prepared.slots_), parameter.requires_grad());
  prepared.plan_memory();
  if (prepared.reusable_.empty()) prepared.source_ = std::vector<int64_t>();  // nothing is left to move
  return prepared;
}

PreparedChange PreparedChange::assignment(const Parameter& parameter, const Tensor& dense,
                                          std::shared_ptr<const CsrPattern> pattern) {
  check_assigned("assign", parameter, dense, parameter.shape());
  const MatrixSize size = as_matrix(parameter.shape());
  const Becomes becomes = pattern ? Becomes::Csr : Becomes::Dense;
  if (!pattern) pattern = CsrPattern::full(size.rows, size.cols);
  return assigning(parameter, std::move(pattern), becomes, [&](const CsrPattern& p) { return p.gather(dense); });
}

PreparedChange PreparedChange::canonical_assignment(const Parameter& parameter, const Tensor& values,
                                                    std::shared_ptr<const CsrPattern> pattern) {
  parameter.check({pattern});
  check_assigned("assign_canonical", parameter, values, Shape{pattern->nnz()});
  return assigning(parameter, std::move(pattern), Becomes::Csr,
                   [&](const CsrPattern& p) { return p.from_canonical(values); });
}

void PreparedChange::plan(const Parameter& parameter, TopologyChange change) {
  parameter_ = parameter;
  pattern_ = change.pattern;
  const std::shared_ptr<const CsrPattern>& old = parameter.pattern();
  before_ = old.get();
  slots_ = Shape{pattern_->nnz()};
  const bool was_full = old == nullptr || old->is_full();
  same_slots_ = change.source.empty() && (old == pattern_ || (was_full && pattern_->is_full()));
  if (!same_slots_ && change.source.empty() && pattern_->nnz() > 0) {
    change = TopologyChange::between(*parameter.topology(), std::move(change.pattern));
  }
  source_ = std::move(change.source);
  const int64_t grown = std::ranges::count(source_, -1);
  const int64_t kept = pattern_->nnz() - grown;
  counts_ = {parameter.last_change().changes + 1, kept, parameter.nnz() - kept, grown};
  retired_ = fmt::format("the pattern of '{}' changed since the forward pass", parameter.name());
}

std::vector<bool> PreparedChange::reusable() const {
  const Parameter::State& s = *parameter_.state_;
  std::vector<bool> reusable;
  const auto add = [&](const Tensor& array) {
    reusable.push_back(array.owns_storage_alone() && array.shape() == slots_ && array.dtype() == parameter_.dtype());
  };
  if (!filled_) add(s.weight.values);
  if (!assigns_) {
    const auto& grad = autograd::leaf_grad(s.weight.values);
    if (grad.defined()) add(grad);
  }
  for (const std::weak_ptr<SlotArray>& weak : s.arrays) {
    if (const auto array = weak.lock()) add(array->data);
  }
  return reusable;
}

void PreparedChange::plan_memory() {
  const Parameter::State& s = *parameter_.state_;
  make_rows(s.weight.values);
  if (const Tensor grad = s.weight.values.grad(); grad.defined()) make_rows(grad);
  reusable_ = reusable();
  buffers_.clear();
  buffers_.reserve(reusable_.size() + 1);
  if (!same_slots_) {
    int64_t free = 0;
    for (const bool hands_on : reusable_) {
      if (free == 0) {
        buffers_.push_back(Tensor::empty(Shape{slots_.numel()}, parameter_.dtype()));
      } else {
        --free;
      }
      free += hands_on;
    }
  }
  if (filled_) return;
  const bool requires_grad = parameter_.requires_grad();
  if (same_slots_) {
    values_ = leaf(s.weight.values.alias(slots_), requires_grad);
  } else {
    values_ = leaf(std::move(buffers_.back()), requires_grad);
    buffers_.pop_back();
  }
}

void PreparedChange::move_values_now() {
  if (filled_ || same_slots_ || reusable_.size() != 1) return;
  gather_slots(ParameterAccess::weight(parameter_).values, source_, values_);
  filled_ = true;
  reusable_ = reusable();
  source_ = std::vector<int64_t>();
}

Tensor PreparedChange::values_after() const {
  const Tensor& values = ParameterAccess::weight(parameter_).values;
  if (filled_ || same_slots_) return values_;
  Tensor after = Tensor::empty(slots_, values.dtype());
  gather_slots(values, source_, after);
  return after;
}

void PreparedChange::refresh() {
  if (parameter_.pattern().get() != before_) {
    fail<StateError>(fmt::format("the change of '{}'", parameter_.name()),
                     "the pattern must be the one that was planned from", "it was changed meanwhile",
                     "change patterns in plan() or update_mask(), not in hooks");
  }
  if (reusable() == reusable_) return;
  if (filled_ && !assigns_) {
    // What was to move with the values alone has company.
    *this = PreparedChange(parameter_, {pattern_});
  } else {
    plan_memory();
  }
}

Tensor PreparedChange::next_buffer(const Tensor& from) noexcept {
  if (same_slots_) return from.alias(slots_);
  Tensor buffer = std::move(buffers_.back());
  buffers_.pop_back();
  return buffer;
}

Tensor PreparedChange::moved(Tensor from) noexcept {
  Tensor to = next_buffer(from);
  if (same_slots_) return to;
  gather_slots(from, source_, to);
  if (from.owns_storage_alone() && from.shape() == slots_) buffers_.push_back(std::move(from));
  return slots_ == to.shape() ? to : to.alias(slots_);
}

void PreparedChange::commit() noexcept {
  Parameter::State& s = *parameter_.state_;
  s.last_change = counts_;
  // The old pattern and its plans go first, then one array after the other.
  s.weight.subset = nullptr;
  s.weight.pattern = std::move(pattern_);
  autograd::retire_leaf(s.weight.values, std::move(retired_));
  values_.set_requires_grad(s.weight.values.requires_grad());
  Tensor grad = autograd::take_grad(s.weight.values);
  Tensor old = std::exchange(s.weight.values, values_);
  if (!filled_ && !same_slots_) {
    gather_slots(old, source_, values_);
    if (old.owns_storage_alone() && old.shape() == slots_) buffers_.push_back(std::move(old));
  }
  old = {};
  values_ = {};
  if (assigns_) {
    s.weight.tap->clear();
  } else if (grad.defined()) {
    autograd::give_grad(s.weight.values, moved(std::move(grad)));
  }
  grad = {};
  std::erase_if(s.arrays, [](const std::weak_ptr<SlotArray>& weak) { return weak.expired(); });
  for (const std::weak_ptr<SlotArray>& weak : s.arrays) {
    if (const auto array = weak.lock()) array->data = moved(std::exchange(array->data, {}));
  }
}

}  // namespace gossamer
