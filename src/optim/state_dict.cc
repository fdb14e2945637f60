// Optimizer::state_dict and load_state_dict: all that a resumed run needs for the same bits.
#include <fmt/format.h>

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/error.h"
#include "gossamer/optim/optimizer.h"
#include "optim/record.h"
#include "runtime/check.h"
#include "tensor/state_reader.h"

namespace gossamer::optim {
namespace {

using Dict = std::map<std::string, Tensor>;

std::string state_key(const std::string& parameter, std::string_view name) {
  return fmt::format("state.{}.{}", parameter, name);
}

std::string lr_key(size_t group) { return fmt::format("param_groups.{}.lr", group); }

// Patterns with equally many nonzeros are common (RigL keeps their number), and states loaded into another one would go
// unnoticed: FNV-1a over the row-major positions.
int64_t fingerprint(const CsrPattern& pattern) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto mix = [&hash](int64_t value) { hash = (hash ^ static_cast<uint64_t>(value)) * 0x100000001b3; };
  mix(pattern.rows());
  mix(pattern.cols());
  pattern.for_each([&](const SlotPosition& p) { mix(p.row * pattern.cols() + p.col); });
  return static_cast<int64_t>(hash);
}

// Whether the elements of a state are in slot order, which only the parameter's pattern understands.
bool in_slot_order(const ParameterRecord& record, const StateRecord& state) {
  return record.parameter.is_csr() && !state.requires_dense;
}

Shape saved_shape(const ParameterRecord& record, const StateRecord& state) {
  return in_slot_order(record, state) ? Shape{record.parameter.nnz()} : record.parameter.shape();
}

}  // namespace

std::vector<std::string> Optimizer::unique_names(std::string_view op) const {
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (const auto& record : records_) {
    const std::string& name = record->parameter.name();
    if (name.empty() || !seen.insert(name).second) {
      fail<StateError>(op, "every parameter must have a name of its own",
                       name.empty() ? "a parameter without a name" : fmt::format("two named '{}'", name),
                       "register the modules, or call Parameter::set_name");
    }
    names.push_back(name);
  }
  return names;
}

Dict Optimizer::state_dict() const {
  const std::vector<std::string> names = unique_names("Optimizer::state_dict");
  Dict dict;
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
    dict[state_key(names[i], "step")] = Tensor::from<int64_t>({record.step}, Shape{});
    if (parameter.is_csr()) {
      dict[state_key(names[i], "pattern")] = Tensor::from<int64_t>({fingerprint(*parameter.pattern())}, Shape{});
    }
  }
  for (size_t group = 0; group < num_param_groups(); ++group) {
    dict[lr_key(group)] = Tensor::from<double>({lr(group)}, Shape{});
  }
  return dict;
}

void Optimizer::load_state_dict(const Dict& dict) {
  const std::vector<std::string> names = unique_names("Optimizer::load_state_dict");
  check_options();
  StateReader reader(dict);
  std::vector<int64_t> steps;
  for (size_t i = 0; i < records_.size(); ++i) {
    ParameterRecord& record = *records_[i];
    declare_states(record);
    const std::string step_key = state_key(names[i], "step");
    steps.push_back(reader.scalar<int64_t>(step_key));
    if (steps.back() < 0) reader.fault(step_key, "0 or more", fmt::format("{}", steps.back()));
    if (record.parameter.is_csr()) {
      const std::string key = state_key(names[i], "pattern");
      const int64_t expected = fingerprint(*record.parameter.pattern());
      const int64_t saved = reader.scalar<int64_t>(key);
      if (saved != expected) reader.fault(key, "that of the parameter's pattern", "that of another");
    }
    for (const StateRecord& state : record.states) {
      reader.check_tensor(state_key(names[i], state.name), steps.back() > 0, saved_shape(record, state),
                          record.parameter.dtype());
    }
  }
  std::vector<double> rates;
  for (size_t group = 0; group < num_param_groups(); ++group) {
    rates.push_back(reader.scalar<double>(lr_key(group)));
    if (!std::isfinite(rates.back()) || rates.back() < 0) {
      reader.fault(lr_key(group), "finite and not negative", fmt::format("{}", rates.back()));
    }
  }
  reader.finish("Optimizer::load_state_dict", fmt::format("the dict must be that of this {}", rule_name()),
                "build the optimizer as it was saved, and load the model's state before");

  std::vector<std::vector<StateRecord>> states;
  for (size_t i = 0; i < records_.size(); ++i) {
    const ParameterRecord& record = *records_[i];
    std::vector<StateRecord>& loaded = states.emplace_back(record.states);
    for (StateRecord& state : loaded) {
      const auto saved = dict.find(state_key(names[i], state.name));
      state.slots = nullptr;
      state.dense = {};
      if (saved == dict.end()) continue;
      if (state.requires_dense) {
        state.dense = saved->second.clone();
        continue;
      }
      state.slots = ParameterAccess::make_slot_array(record.parameter);
      state.slots->data = in_slot_order(record, state) ? record.parameter.pattern()->from_canonical(saved->second)
                                                       : saved->second.clone();
    }
  }
  for (size_t group = 0; group < rates.size(); ++group) set_lr(group, rates[group]);
  for (size_t i = 0; i < records_.size(); ++i) {
    records_[i]->step = steps[i];
    records_[i]->states = std::move(states[i]);
  }
}

}  // namespace gossamer::optim
