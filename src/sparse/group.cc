#include "gossamer/sparse/group.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "config/nearest.h"
#include "gossamer/optim/optimizer.h"
#include "parameter/snapshot.h"
#include "runtime/check.h"
#include "runtime/log.h"
#include "sparse/names.h"
#include "sparse/saved.h"

namespace gossamer::sparse {

namespace {

std::vector<std::string> refuse_null() {
  fail<ConfigError>("ParameterFilter", "the glob must be given", "a null pointer");
}

}  // namespace

ParameterFilter::ParameterFilter(const char* glob)
    : ParameterFilter(glob != nullptr ? std::vector<std::string>{glob} : refuse_null()) {}

ParameterFilter::ParameterFilter(std::vector<std::string> globs)
    : globs_(std::move(globs)), description_(fmt::format("'{}'", fmt::join(globs_, "', '"))) {
  predicate_ = [globs = globs_](const std::string& name, const Parameter&) {
    return std::ranges::any_of(globs, [&](const std::string& glob) { return glob_match(glob, name); });
  };
}

ParameterFilter::ParameterFilter(Checked, Predicate predicate)
    : predicate_(std::move(predicate)), description_("a predicate") {
  if (!predicate_) fail<ConfigError>("ParameterFilter", "the predicate must be callable", "an empty function");
}

Group::Group(std::initializer_list<GroupEntry> entries) : Group() {
  for (const GroupEntry& entry : entries) add(entry);
}

Group Group::none() {
  Group group;
  group.none_ = true;
  return group;
}

void Group::check_not_applied(const char* op) const {
  if (applied()) fail<StateError>(op, "entries must come before model.apply(group)", "the group was applied");
}

void Group::check_entry(const char* op, const GroupEntry& entry) const {
  if (!entry.algorithm) fail<ConfigError>(op, "an entry must have an algorithm", "none");
  if (dynamic_cast<const Group*>(entry.algorithm.get()) != nullptr) {
    fail<ConfigError>(op, "groups do not nest", "a Group", "join them with extend");
  }
  if (std::ranges::find(entries_, entry.algorithm, &GroupEntry::algorithm) != entries_.end()) {
    fail<ConfigError>(op, "an algorithm may be added once", entry.algorithm->name() + " comes again",
                      "give its filter several globs");
  }
}

void Group::add(GroupEntry entry) {
  constexpr const char* kOp = "Group::add";
  check_not_applied(kOp);
  check_entry(kOp, entry);
  entries_.push_back(std::move(entry));
}

void Group::extend(Group&& other) {
  constexpr const char* kOp = "Group::extend";
  check_not_applied(kOp);
  other.check_not_applied(kOp);
  for (const GroupEntry& entry : other.entries_) check_entry(kOp, entry);
  entries_.reserve(entries_.size() + other.entries_.size());
  std::ranges::move(other.entries_, std::back_inserter(entries_));
  other.entries_.clear();
}

const GroupEntry* Group::match(const SparseParameter& parameter) const {
  const auto entry = std::ranges::find_if(entries_, [&](const GroupEntry& e) { return e.filter(parameter); });
  return entry == entries_.end() ? nullptr : &*entry;
}

std::vector<SparseParameter> Group::select(std::vector<SparseParameter> parameters) const {
  constexpr const char* kOp = "model.apply(group)";
  if (entries_.empty() && !none_) {
    fail<ConfigError>(kOp, "the group must have an entry", "it has none", "call Group::add before");
  }
  for (const GroupEntry& entry : entries_) {
    if (!entry.algorithm->applied()) continue;
    fail<StateError>(kOp, "an algorithm belongs to one group and one model",
                     fmt::format("{} was applied before", entry.algorithm->name()), "make an algorithm for each group");
  }
  warn_about_filters(parameters);
  std::erase_if(parameters, [&](const SparseParameter& p) { return match(p) == nullptr; });
  return parameters;
}

void Group::warn_about_filters(const std::vector<SparseParameter>& parameters) const {
  const std::vector<std::string> names = names_of(parameters);
  const auto warn = [&](std::string_view what, const ParameterFilter& filter) {
    std::vector<std::string> dense;
    for (const SparseParameter& p : requires_dense_) {
      if (filter(p)) dense.push_back(p.name());
    }
    if (names.empty() && dense.empty()) {
      rt::warn(
          "model.apply(group): {} finds no parameter in the model; register_parameter and register_module tell a "
          "module what it has",
          what);
    } else if (!dense.empty()) {
      rt::warn("model.apply(group): {} matches only what has requires_dense: {}", what, list_nearest({}, dense));
    } else if (filter.globs().empty()) {
      rt::warn("model.apply(group): {} matches none of {} parameters that may be sparse", what, names.size());
    } else {
      rt::warn(
          "model.apply(group): {} matches none of {} parameters that may be sparse: {}; check the spelling: globs know "
          "* ? [abc] [!abc]",
          what, names.size(), list_nearest(filter.globs(), names));
    }
  };
  const auto matches = [&](const ParameterFilter& filter) { return std::ranges::any_of(parameters, filter); };
  for (size_t i = 0; i < entries_.size(); ++i) {
    const ParameterFilter& filter = entries_[i].filter;
    const std::string entry = fmt::format("entry {} ({})", i, entries_[i].algorithm->name());
    if (!matches(filter)) {
      warn(fmt::format("the filter of {}, {},", entry, filter.describe()), filter);
      continue;
    }
    if (std::ranges::none_of(parameters, [&](const SparseParameter& p) { return match(p) == &entries_[i]; })) {
      rt::warn(
          "model.apply(group): entries before it take all that the filter of {}, {}, matches; put the entry before "
          "them",
          entry, filter.describe());
    }
    std::vector<std::string> of_rank_one;  // that a glob takes beside others, and no entry names
    bool takes_others = false;
    for (const SparseParameter& p : parameters) {
      if (match(p) != &entries_[i]) continue;
      if (p.param().shape().rank() > 1) {
        takes_others = true;
      } else if (!filter.globs().empty() && std::ranges::find(filter.globs(), p.name()) == filter.globs().end()) {
        of_rank_one.push_back(p.name());
      }
    }
    if (takes_others && !of_rank_one.empty()) {
      rt::warn(
          "model.apply(group): the filter of {}, {}, takes parameters of rank 1, too: {}; name the weights alone, as "
          "'fc*.weight' does",
          entry, filter.describe(), list_nearest({}, of_rank_one));
    }
    for (const std::string& glob : filter.globs()) {
      if (!matches(glob)) warn(fmt::format("the glob '{}' of {}", glob, entry), glob);
    }
  }
}

int64_t Group::last_update_step() const {
  int64_t last = 0;
  for (const GroupEntry& entry : entries_) {
    const bool has_parameters = !entry.algorithm->applied() || entry.algorithm->num_sparse_params() > 0;
    if (has_parameters) last = std::max(last, entry.algorithm->last_update_step());
  }
  return last;
}

TopologyChange Group::first_change(const SparseParameter& parameter) const {
  return match(parameter)->algorithm->first_change(parameter);
}

bool Group::needs_optimizer(const SparseParameter& parameter) const {
  return match(parameter)->algorithm->needs_optimizer(parameter);
}

void Group::prepare_adopt(std::vector<SparseParameter> parameters) {
  for (const GroupEntry& entry : entries_) {
    std::vector<SparseParameter> own;
    std::ranges::copy_if(parameters, std::back_inserter(own),
                         [&](const SparseParameter& p) { return match(p) == &entry; });
    entry.algorithm->changes_ = changes_;
    entry.algorithm->prepare_adopt(std::move(own));
  }
  SparsityAlgorithm::prepare_adopt(std::move(parameters));
}

void Group::adopt() noexcept {
  for (const GroupEntry& entry : entries_) entry.algorithm->adopt();
  SparsityAlgorithm::adopt();
}

SparsityAlgorithm& Group::operator[](size_t index) const {
  if (index >= entries_.size()) {
    fail<IndexError>("Group", fmt::format("the index must be below {}", entries_.size()), fmt::format("{}", index));
  }
  return *entries_[index].algorithm;
}

void Group::prepare_attach(optim::Optimizer& optimizer, const std::weak_ptr<const void>& alive) {
  SparsityAlgorithm::prepare_attach(optimizer, alive);
  for (const GroupEntry& entry : entries_) entry.algorithm->prepare_attach(optimizer, alive);
}

void Group::attach() noexcept {
  SparsityAlgorithm::attach();
  for (const GroupEntry& entry : entries_) entry.algorithm->attach();
}

std::vector<SparsityAlgorithm*> Group::members() {
  std::vector<SparsityAlgorithm*> members = SparsityAlgorithm::members();
  for (const GroupEntry& entry : entries_) members.push_back(entry.algorithm.get());
  return members;
}

const Sparsity& Group::sparsity() const {
  fail<StateError>("Group::sparsity", "a single algorithm must be asked", "a group of several", "use group[index]");
}

float Group::target_sparsity(const SparseParameter& parameter) const {
  for (const GroupEntry& entry : entries_) {
    if (entry.algorithm->get_sparse_param(parameter.param())) return entry.algorithm->target_sparsity(parameter);
  }
  fail<ConfigError>("Group::target_sparsity", "the parameter must belong to the group",
                    fmt::format("'{}'", parameter.name()));
}

bool Group::plans_steps() const {
  return std::ranges::all_of(entries_, [](const GroupEntry& entry) { return entry.algorithm->plans_steps(); });
}

std::vector<Parameter> Group::begin(optim::Optimizer* optimizer) {
  std::vector<Parameter> read = SparsityAlgorithm::begin(optimizer);
  for (const GroupEntry& entry : entries_) {
    if (!entry.algorithm->plans_steps()) continue;
    const std::vector<Parameter> of_entry = entry.algorithm->begin(optimizer);
    read.insert(read.end(), of_entry.begin(), of_entry.end());
  }
  return read;
}

void Group::prepare(optim::Optimizer* optimizer) {
  for (const GroupEntry& entry : entries_) {
    if (entry.algorithm->plans_steps()) entry.algorithm->prepare(optimizer);
  }
}

void Group::announce() {
  for (const GroupEntry& entry : entries_) {
    if (entry.algorithm->plans_steps()) entry.algorithm->announce();
  }
}

void Group::carry_out() noexcept {
  for (const GroupEntry& entry : entries_) {
    if (entry.algorithm->plans_steps()) entry.algorithm->carry_out();
  }
  SparsityAlgorithm::carry_out();
}

void Group::discard() noexcept {
  for (const GroupEntry& entry : entries_) entry.algorithm->discard();
  SparsityAlgorithm::discard();
}

void Group::run(optim::Optimizer* optimizer) {
  begin(optimizer);
  prepare(optimizer);
  for (const GroupEntry& entry : entries_) {
    if (!entry.algorithm->plans_steps()) entry.algorithm->update(optimizer);
  }
  announce();
  carry_out();
}

void Group::update(optim::Optimizer* optimizer) {
  if (plans_steps()) return SparsityAlgorithm::update(optimizer);
  Saved saved(*this);
  std::vector<ParameterSnapshot> before;
  for (const GroupEntry& entry : entries_) {
    if (entry.algorithm->plans_steps()) continue;
    for (const SparseParameter& p : entry.algorithm->sparse_params()) before.emplace_back(p.param());
  }
  try {
    run(optimizer);
  } catch (...) {
    discard();
    for (ParameterSnapshot& parameter : before) parameter.restore();
    throw;
  }
  saved.keep();
}

namespace {

// Registers with every algorithm, or with none.
template <class Register>
RemovableHandle register_with_all(const std::vector<GroupEntry>& entries, Register&& register_with) {
  RemovableHandle all;
  RemovableHandle last;
  try {
    for (const GroupEntry& entry : entries) {
      last = register_with(*entry.algorithm);
      all.extend(last);
    }
  } catch (...) {
    last.remove();
    all.remove();
    throw;
  }
  return all;
}

}  // namespace

RemovableHandle Group::register_target_sparsity_hook(SparsityHook hook) {
  return register_with_all(entries_, [&](SparsityAlgorithm& a) { return a.register_target_sparsity_hook(hook); });
}

RemovableHandle Group::register_computed_sparsity_hook(SparsityHook hook) {
  return register_with_all(entries_, [&](SparsityAlgorithm& a) { return a.register_computed_sparsity_hook(hook); });
}

namespace {

std::string state_prefix(size_t algorithm) { return fmt::format("algorithms.{}.", algorithm); }

}  // namespace

StateDict Group::state_dict() const {
  StateDict state;
  for (size_t i = 0; i < entries_.size(); ++i) {
    for (const auto& [key, tensor] : entries_[i].algorithm->state_dict()) state[state_prefix(i) + key] = tensor;
  }
  return state;
}

void Group::load_state_dict(const StateDict& state) {
  std::vector<StateDict> parts(entries_.size());
  for (const auto& [key, tensor] : state) {
    size_t i = 0;
    while (i < parts.size() && !key.starts_with(state_prefix(i))) ++i;
    if (i == parts.size()) {
      fail<FormatError>("Group::load_state_dict",
                        fmt::format("every key must begin with algorithms.<i>., i below {}", parts.size()),
                        fmt::format("'{}'", key), "build the group as it was saved");
    }
    parts[i][key.substr(state_prefix(i).size())] = tensor;
  }
  // An algorithm of the application may hold more than what is saved of it here.
  std::vector<StateDict> before;
  for (const GroupEntry& entry : entries_) before.push_back(entry.algorithm->state_dict());
  Saved saved(*this);
  size_t loaded = 0;
  try {
    for (; loaded < parts.size(); ++loaded) entries_[loaded].algorithm->load_state_dict(parts[loaded]);
  } catch (...) {
    for (size_t i = 0; i < loaded; ++i) {
      if (!entries_[i].algorithm->plans_steps()) entries_[i].algorithm->load_state_dict(before[i]);
    }
    throw;
  }
  saved.keep();
}

}  // namespace gossamer::sparse
