#include "optim/record.h"

#include "gossamer/csr_pattern.h"
#include "parameter/access.h"

namespace gossamer::optim {

std::optional<size_t> ParameterRecord::find(std::string_view name) const {
  for (size_t i = 0; i < states.size(); ++i) {
    if (states[i].name == name) return i;
  }
  return std::nullopt;
}

size_t ParameterRecord::declare(std::string_view name) {
  if (const auto index = find(name)) return *index;
  states.push_back({.name = std::string(name), .requires_dense = false, .slots = nullptr, .dense = {}});
  return states.size() - 1;
}

Tensor ParameterRecord::allocate(size_t index) {
  StateRecord& state = states[index];
  if (!state.allocated()) {
    if (state.requires_dense) {
      state.dense = Tensor::zeros(parameter.shape(), parameter.dtype());
    } else {
      state.slots = ParameterAccess::make_slot_array(parameter);
    }
  }
  return state.tensor();
}

void ParameterRecord::release(size_t index) {
  states[index].slots = nullptr;
  states[index].dense = {};
}

void ParameterRecord::set_requires_dense(size_t index, bool requires_dense) {
  StateRecord& state = states[index];
  if (state.requires_dense == requires_dense) return;
  if (state.allocated()) {
    const auto& pattern = parameter.pattern();
    if (requires_dense) {
      const Tensor data = state.slots->data;
      state.dense = pattern ? pattern->dense(data).alias(parameter.shape()) : data;
      state.slots = nullptr;
    } else {
      const std::shared_ptr<SlotArray> slots = ParameterAccess::make_slot_array(parameter);
      slots->data = pattern ? pattern->gather(state.dense) : state.dense;
      state.slots = slots;
      state.dense = {};
    }
  }
  state.requires_dense = requires_dense;
}

}  // namespace gossamer::optim
