#include "parameter/snapshot.h"

#include <utility>

#include "autograd/meta.h"
#include "parameter/state.h"

namespace gossamer {

ParameterSnapshot::ParameterSnapshot(const Parameter& parameter, Elements elements)
    : parameter_(parameter),
      weight_(ParameterAccess::weight(parameter)),
      values_(elements == Elements::Copied ? weight_.values.clone() : Tensor()),
      grad_(weight_.values.grad()),
      last_change_(parameter.last_change()),
      tap_(*weight_.tap) {
  for (const std::weak_ptr<SlotArray>& weak : parameter.state_->arrays) {
    auto array = weak.lock();
    if (!array) continue;
    arrays_.push_back({array, array->data, elements == Elements::Copied ? array->data.clone() : Tensor()});
  }
}

void ParameterSnapshot::restore() noexcept {
  Parameter::State& s = *parameter_.state_;
  s.last_change = last_change_;
  *weight_.tap = std::move(tap_);
  s.weight = std::move(weight_);
  if (values_.defined()) s.weight.values.copy_from(values_);
  autograd::retire_leaf(s.weight.values, {});
  autograd::give_grad(s.weight.values, std::move(grad_));
  for (Saved& saved : arrays_) {
    if (saved.copy.defined()) saved.held.copy_from(saved.copy);
    saved.array->data = std::move(saved.held);
  }
}

}  // namespace gossamer
