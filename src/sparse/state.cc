// The hooks of algorithms, and what a resumed run takes up.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/nearest.h"
#include "gossamer/sparse/algorithm.h"
#include "parameter/change.h"
#include "tensor/state_reader.h"

namespace gossamer::sparse {

namespace {

void call(const HookList& list, const SparsityAlgorithm& algorithm, const std::string& name, float sparsity) {
  // A copy: a hook may remove itself, or register another.
  const auto hooks = list.hooks;
  for (const auto& [id, hook] : hooks) hook(algorithm, name, sparsity);
}

// Schedules know steps as doubles, too; counting on from here overflows nothing.
constexpr int64_t kMaxStep = int64_t{1} << 53;

std::string step_key(size_t optimizer) { return fmt::format("optimizers.{}.step", optimizer); }
std::string updates_key(size_t optimizer) { return fmt::format("optimizers.{}.updates", optimizer); }
constexpr const char* kAlgorithmKey = "algorithm";
constexpr const char* kParametersKey = "parameters";

// Their names in order, so that equal texts mean equal parameters.
std::string lines_of(const std::vector<SparseParameter>& parameters) {
  std::set<std::string> names;
  for (const SparseParameter& p : parameters) names.insert(p.name());
  return fmt::format("{}", fmt::join(names, "\n"));
}

// What differs between the names of a state, a line each, and those of the parameters.
std::string difference(const std::string& saved, const std::vector<SparseParameter>& parameters) {
  std::set<std::string> only_saved;
  for (size_t begin = 0; begin < saved.size();) {
    const size_t end = std::min(saved.find('\n', begin), saved.size());
    only_saved.insert(saved.substr(begin, end - begin));
    begin = end + 1;
  }
  std::set<std::string> only_here;
  for (const SparseParameter& p : parameters) {
    if (only_saved.erase(p.name()) == 0) only_here.insert(p.name());
  }
  const auto list = [](const std::set<std::string>& names) {
    return list_nearest({}, std::vector<std::string>(names.begin(), names.end()));
  };
  std::string text;
  if (!only_saved.empty()) text = fmt::format("have {}, which the algorithm has not", list(only_saved));
  if (!only_here.empty()) {
    text += fmt::format("{}lack {}, which the algorithm has", text.empty() ? "" : ", and ", list(only_here));
  }
  return text;
}

}  // namespace

RemovableHandle SparsityAlgorithm::register_target_sparsity_hook(SparsityHook hook) {
  return {target_hooks_, std::move(hook)};
}

RemovableHandle SparsityAlgorithm::register_computed_sparsity_hook(SparsityHook hook) {
  return {computed_hooks_, std::move(hook)};
}

std::vector<std::pair<std::string, float>> SparsityAlgorithm::targets(const Attachment& attachment,
                                                                      const ScheduleTime& time) const {
  std::vector<std::pair<std::string, float>> targets;
  if (target_hooks_->hooks.empty()) return targets;
  std::vector<const Schedule*> schedules;
  for (const SparseParameter& p : attachment.parameters) {
    const Schedule* schedule = &sparsity().of(p.name());
    const auto seen = std::ranges::find(schedules, schedule);
    if (seen == schedules.end()) {
      schedules.push_back(schedule);
      targets.emplace_back(p.name(), sparsity_at(p, time));
      continue;
    }
    std::string& common = targets[static_cast<size_t>(seen - schedules.begin())].first;
    common.erase(std::ranges::mismatch(common, p.name()).in1, common.end());
  }
  for (auto& [name, target] : targets) name += '*';
  return targets;
}

void SparsityAlgorithm::announce() {
  if (target_hooks_->hooks.empty() && computed_hooks_->hooks.empty()) return;
  // A copy: what a hook does to the algorithm must not reach the loops.
  const Step told = *step_;
  for (const auto& [name, target] : told.targets) call(*target_hooks_, *this, name, target);
  for (const auto& [name, computed] : told.computed) call(*computed_hooks_, *this, name, computed);
  if (!changes_) return;
  for (PreparedChange& change : *changes_) change.refresh();
}

StateDict SparsityAlgorithm::state_dict() const {
  StateDict state;
  const auto save = [&](size_t i, const ScheduleTime& time) {
    state[step_key(i)] = state_scalar(time.step);
    state[updates_key(i)] = state_scalar(time.updates);
  };
  for (size_t i = 0; i < attachments_.size(); ++i) save(i, attachments_[i].time);
  if (attachments_.empty()) save(0, {});
  state[kAlgorithmKey] = state_text(name_);
  state[kParametersKey] = state_text(lines_of(sparse_params_));
  return state;
}

void SparsityAlgorithm::load_state_dict(const StateDict& state) {
  constexpr const char* kOp = "SparsityAlgorithm::load_state_dict";
  check_applied(kOp);
  StateReader reader(state);
  std::vector<ScheduleTime> times;
  for (size_t i = 0; i < std::max<size_t>(1, attachments_.size()); ++i) {
    times.push_back({reader.scalar<int64_t>(step_key(i)), reader.scalar<int64_t>(updates_key(i))});
    const auto [step, updates] = times.back();
    if (step < 0 || step > kMaxStep) {
      reader.fault(step_key(i), fmt::format("from 0 to {}", kMaxStep), fmt::format("{}", step));
    } else if (updates < 0 || updates > step) {
      reader.fault(updates_key(i), fmt::format("from 0 to {}", step), fmt::format("{}", updates));
    }
  }
  if (const auto saved = reader.text(kAlgorithmKey); saved && *saved != name_) {
    reader.fault(kAlgorithmKey, name_, *saved);
  }
  if (const auto saved = reader.text(kParametersKey); saved && *saved != lines_of(sparse_params_)) {
    reader.fault(kParametersKey, difference(*saved, sparse_params_));
  }
  reader.finish(kOp, fmt::format("the state must be that of this {}", name_),
                "build the algorithm, and apply it, as when it was saved");
  std::vector<Attachment> attachments = attachments_;
  if (attachments.empty()) attachments.push_back({0, {}, sparse_params_, {}});
  for (size_t i = 0; i < times.size(); ++i) attachments[i].time = times[i];
  attachments_ = std::move(attachments);
}

}  // namespace gossamer::sparse
