// What an optimizer keeps for one parameter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/parameter.h"
#include "gossamer/tensor.h"
#include "parameter/access.h"

namespace gossamer::optim {

// A state that is allocated holds either `slots`, which follow the parameter's pattern by themselves, or, with
// requires_dense, `dense` in the parameter's shape.
struct StateRecord {
  std::string name;
  bool requires_dense = false;
  std::shared_ptr<SlotArray> slots;
  Tensor dense;

  bool allocated() const { return slots != nullptr || dense.defined(); }
  // Undefined when not allocated.
  Tensor tensor() const { return slots ? slots->data : dense; }
};

struct ParameterRecord {
  Parameter parameter;
  size_t group = 0;
  int64_t step = 0;
  std::vector<StateRecord> states;

  std::optional<size_t> find(std::string_view name) const;
  // Adds the state where it does not exist yet; its index.
  size_t declare(std::string_view name);
  // The state with its memory, zeros where it has none yet; the record stays as it is.
  StateRecord with_memory(size_t index) const;
  // The elements of a state, allocated as zeros when asked for first.
  Tensor allocate(size_t index);
  // Back to zeros that take no memory.
  void release(size_t index);
  void set_requires_dense(size_t index, bool requires_dense);
  // Throws StateError unless parameter and states have the sizes that the pattern says.
  void validate() const;
};

}  // namespace gossamer::optim
