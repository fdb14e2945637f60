#include "optim/record.h"

#include <fmt/format.h>

#include <utility>

#include "gossamer/csr_pattern.h"
#include "parameter/access.h"
#include "runtime/check.h"

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

StateRecord ParameterRecord::with_memory(size_t index) const {
  StateRecord state = states[index];
  if (state.allocated()) return state;
  if (state.requires_dense) {
    state.dense = Tensor::zeros(parameter.shape(), parameter.dtype());
  } else {
    state.slots = ParameterAccess::make_slot_array(parameter);
  }
  return state;
}

Tensor ParameterRecord::allocate(size_t index) {
  if (!states[index].allocated()) states[index] = with_memory(index);
  return states[index].tensor();
}

void ParameterRecord::release(size_t index) {
  states[index].slots = nullptr;
  states[index].dense = {};
}

void ParameterRecord::set_requires_dense(size_t index, bool requires_dense) {
  StateRecord& state = states[index];
  if (state.requires_dense == requires_dense) return;
  StateRecord next = {.name = state.name, .requires_dense = requires_dense, .slots = nullptr, .dense = {}};
  if (state.allocated()) {
    const auto& pattern = parameter.pattern();
    const Tensor data = state.tensor();
    if (requires_dense) {
      next.dense = pattern ? pattern->dense(data).alias(parameter.shape()) : data;
    } else {
      next.slots = ParameterAccess::make_slot_array(parameter);
      next.slots->data = pattern ? pattern->gather(data) : data;
    }
  }
  state = std::move(next);
}

void ParameterRecord::validate() const {
  parameter.validate();
  for (const StateRecord& state : states) {
    if (!state.allocated()) continue;
    const Shape shape = state.slots ? parameter.values().shape() : parameter.shape();
    const Tensor data = state.tensor();
    if (data.shape() == shape && data.dtype() == parameter.dtype()) continue;
    fail<StateError>(fmt::format("state '{}' of '{}'", state.name, parameter.name()),
                     fmt::format("it must be {} {}", dtype_name(parameter.dtype()), shape.to_string()),
                     fmt::format("{} {}", dtype_name(data.dtype()), data.shape().to_string()),
                     "construct the optimizer anew");
  }
}

}  // namespace gossamer::optim
