// Optimizer::state_dict and load_state_dict: all that a resumed run needs for the same bits.
#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/error.h"
#include "gossamer/optim/optimizer.h"
#include "optim/record.h"
#include "optim/saved.h"
#include "runtime/check.h"
#include "tensor/state_reader.h"

namespace gossamer::optim {
namespace {

std::string state_key(const std::string& parameter, std::string_view name) {
  return fmt::format("state.{}.{}", parameter, name);
}

std::string lr_key(size_t group) { return fmt::format("param_groups.{}.lr", group); }

// Whether the elements of a state are in slot order, which only the parameter's pattern understands.
bool in_slot_order(const ParameterRecord& record, const StateRecord& state) {
  return record.parameter.is_csr() && !state.requires_dense;
}

Shape saved_shape(const ParameterRecord& record, const StateRecord& state) {
  return in_slot_order(record, state) ? Shape{record.parameter.nnz()} : record.parameter.shape();
}

}  // namespace

StateDict Optimizer::state_dict() const {
  const std::vector<std::string> names = unique_names("Optimizer::state_dict", params());
  StateDict dict;
  for (size_t i = 0; i < records_.size(); ++i) {
    ParameterRecord& record = *records_[i];
    declare_states(record);
    const Parameter& parameter = record.parameter;
    for (const StateRecord& state : record.states) {
      if (!state.allocated() && record.step == 0) continue;
      Tensor& saved = dict[state_key(names[i], state.name)];
      if (!state.allocated()) {
        saved = Tensor::zeros(saved_shape(record, state), parameter.dtype());
      } else {
        saved =
            in_slot_order(record, state) ? parameter.pattern()->to_canonical(state.tensor()) : state.tensor().clone();
      }
    }
    dict[state_key(names[i], "step")] = state_scalar(record.step);
    if (parameter.is_csr()) {
      dict[state_key(names[i], "pattern")] = state_scalar(fingerprint(*parameter.pattern()));
    }
  }
  for (size_t group = 0; group < num_param_groups(); ++group) {
    dict[lr_key(group)] = state_scalar(lr(group));
  }
  return dict;
}

void Optimizer::load_state_dict(const StateDict& dict) {
  constexpr std::string_view kOp = "Optimizer::load_state_dict";
  const std::vector<std::string> names = unique_names(kOp, params());
  check_options();
  StateReader reader(dict);
  std::vector<int64_t> steps;
  std::vector<std::vector<StateRecord>> states;
  for (size_t i = 0; i < records_.size(); ++i) {
    ParameterRecord& record = *records_[i];
    declare_states(record);
    const Parameter& parameter = record.parameter;
    const std::string step_key = state_key(names[i], "step");
    steps.push_back(reader.scalar<int64_t>(step_key));
    if (steps.back() < 0) reader.fault(step_key, "0 or more", fmt::format("{}", steps.back()));
    if (parameter.is_csr()) {
      const std::string key = state_key(names[i], "pattern");
      if (reader.scalar<int64_t>(key) != fingerprint(*parameter.pattern())) {
        reader.fault(key, "that of the parameter's pattern", "that of another");
      }
    }
    for (StateRecord& state : states.emplace_back(record.states)) {
      const Tensor saved = reader.find(state_key(names[i], state.name), saved_shape(record, state), parameter.dtype(),
                                       steps.back() > 0 ? Entry::Required : Entry::Optional);
      const bool slots = in_slot_order(record, state);
      state.slots = nullptr;
      state.dense = {};
      if (!saved.defined()) continue;  // zeros that take no memory
      Tensor data = slots ? parameter.pattern()->from_canonical(saved) : saved.clone();
      if (state.requires_dense) {
        state.dense = std::move(data);
      } else {
        state.slots = ParameterAccess::make_slot_array(parameter);
        state.slots->data = std::move(data);
      }
    }
  }
  std::vector<double> rates;
  for (size_t group = 0; group < num_param_groups(); ++group) {
    rates.push_back(reader.scalar<double>(lr_key(group)));
    if (!std::isfinite(rates.back()) || rates.back() < 0) {
      reader.fault(lr_key(group), "finite and not negative", fmt::format("{}", rates.back()));
    }
  }
  reader.finish(kOp, fmt::format("the dict must be that of this {}", rule_name()),
                "build the optimizer as it was saved, and load the model's state before");

  for (size_t group = 0; group < rates.size(); ++group) set_lr(group, rates[group]);
  for (size_t i = 0; i < records_.size(); ++i) {
    records_[i]->step = steps[i];
    records_[i]->states = std::move(states[i]);
  }
}

}  // namespace gossamer::optim
