#include "parameter/snapshot.h"

#include <utility>

#include "autograd/meta.h"
#include "parameter/state.h"

namespace gossamer {

ParameterSnapshot::ParameterSnapshot(const Parameter& parameter)
    : parameter_(parameter),
      weight_(ParameterAccess::weight(parameter)),
      values_(weight_.values.clone()),
      grad_(weight_.values.grad()),
      last_change_(parameter.last_change()),
      tap_(*weight_.tap) {
  for (const std::weak_ptr<SlotArray>& weak : parameter.state_->arrays) {
    if (auto array = weak.lock()) arrays_.push_back({array, array->data, array->data.clone()});
  }
}

void ParameterSnapshot::restore() noexcept {
  Parameter::State& s = *parameter_.state_;
  s.last_change = last_change_;
  *weight_.tap = std::move(tap_);
  s.weight = std::move(weight_);
  s.weight.values.copy_from(values_);
  autograd::retire_leaf(s.weight.values, {});
  autograd::give_grad(s.weight.values, std::move(grad_));
  for (Saved& saved : arrays_) {
    saved.held.copy_from(saved.copy);
    saved.array->data = std::move(saved.held);
  }
}

}  // namespace gossamer
