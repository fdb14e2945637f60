#include "gossamer/optim/optimizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "gossamer/csr_pattern.h"
#include "gossamer/error.h"
#include "optim/follower.h"
#include "optim/record.h"
#include "optim/saved.h"
#include "runtime/check.h"

namespace gossamer::optim {
namespace {

uint64_t next_id() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

}  // namespace

Tensor State::tensor() const { return record_->allocate(index_); }
bool State::requires_dense() const { return record_->states[index_].requires_dense; }
void State::set_requires_dense(bool requires_dense) const { record_->set_requires_dense(index_, requires_dense); }

State ParameterState::operator[](std::string_view name) const {
  const auto index = record_->find(name);
  if (!index) {
    fail<StateError>(fmt::format("state of {}", label(record_->parameter)),
                     record_->states.empty() ? "the rule keeps no states with these options"
                                             : fmt::format("the name must be one of {}", fmt::join(names(), ", ")),
                     fmt::format("'{}'", name));
  }
  return State(record_, *index);
}

std::vector<std::string> ParameterState::names() const {
  std::vector<std::string> names;
  for (const StateRecord& state : record_->states) names.push_back(state.name);
  return names;
}

int64_t ParameterState::step() const { return record_->step; }

Optimizer::Optimizer() : id_(next_id()) {}
Optimizer::~Optimizer() = default;
Optimizer::Optimizer(Optimizer&&) noexcept = default;
Optimizer& Optimizer::operator=(Optimizer&&) noexcept = default;

void Optimizer::add_parameters(size_t group, const std::vector<Parameter>& parameters,
                               const std::vector<std::string>& states) {
  const std::string_view op = "add_param_group";
  if (parameters.empty()) {
    fail<ConfigError>(
        op, "a group must have parameters", "an empty list",
        "pass model.parameters(); a module knows those that register_parameter and register_module named");
  }
  auto records = records_;
  auto index = index_;
  for (const Parameter& parameter : parameters) {
    if (!parameter.defined()) {
      fail<ConfigError>(op, "every parameter must be defined", fmt::format("number {} is not", records.size()));
    }
    if (!index.emplace(parameter.id(), records.size()).second) {
      fail<ConfigError>(op, "a parameter may be given once", fmt::format("{} comes again", label(parameter)),
                        "list each in one group only");
    }
    auto record = std::make_shared<ParameterRecord>();
    record->parameter = parameter;
    record->group = group;
    for (const std::string& name : states) record->declare(name);
    records.push_back(std::move(record));
  }
  records_ = std::move(records);
  index_ = std::move(index);
}

void Optimizer::check_group(size_t group) const {
  if (group >= num_param_groups()) {
    fail<ConfigError>("lr", fmt::format("the group must be from 0 to {}", num_param_groups() - 1),
                      fmt::format("group {}", group), "groups count from 0");
  }
}

void Optimizer::declare_states(ParameterRecord& record) const {
  for (const std::string& name : state_names(record.group)) record.declare(name);
}

void Optimizer::zero_grad() {
  for (const auto& record : records_) record->parameter.zero_grad();
}

std::vector<Parameter> Optimizer::params() const {
  std::vector<Parameter> params;
  params.reserve(records_.size());
  for (const auto& record : records_) params.push_back(record->parameter);
  return params;
}

ParameterState Optimizer::state(const Parameter& parameter) const {
  const auto found = index_.find(parameter.id());
  if (found == index_.end()) {
    fail<StateError>("Optimizer::state", fmt::format("the parameter must be one of this {}", rule_name()),
                     parameter.defined() ? label(parameter) + " is not" : "an undefined parameter");
  }
  declare_states(*records_[found->second]);
  return ParameterState(records_[found->second]);
}

int64_t Optimizer::state_bytes() const {
  int64_t bytes = 0;
  for (const auto& record : records_) {
    for (const StateRecord& state : record->states) bytes += state.tensor().bytes();
  }
  return bytes;
}

void Optimizer::add_after_step(std::function<void(Optimizer&)> f, bool may_throw) {
  if (!f) fail<ConfigError>("Optimizer::after_step", "the function must be callable", "an empty function");
  after_step_.push_back({std::move(f), may_throw});
}

const std::vector<std::shared_ptr<ParameterRecord>>& OptimizerAccess::records(const Optimizer& optimizer) {
  return optimizer.records_;
}

void OptimizerAccess::follow(Optimizer& optimizer, std::shared_ptr<StepFollower> follower) {
  std::erase_if(optimizer.followers_, [](const auto& other) { return !other->alive(); });
  optimizer.followers_.push_back(std::move(follower));
}

}  // namespace gossamer::optim
