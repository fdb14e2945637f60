#include "gossamer/sparse/algorithm.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <string_view>
#include <utility>

#include "config/nearest.h"
#include "gossamer/glob.h"
#include "gossamer/optim/optimizer.h"
#include "gossamer/random.h"
#include "parameter/access.h"
#include "parameter/change.h"
#include "runtime/check.h"
#include "runtime/log.h"
#include "sparse/anchor.h"
#include "sparse/names.h"
#include "sparse/settings/shares.h"
#include "sparse/unattached.h"
#include "sparse/warn_if_empty.h"

namespace gossamer::sparse {

SparsityAlgorithm::SparsityAlgorithm(std::string name, SparsitySettings settings)
    : name_(std::move(name)),
      settings_(std::move(settings)),
      anchor_(std::make_shared<Anchor>(Anchor{this})),
      claim_(std::make_shared<const int>(0)),
      target_hooks_(std::make_shared<HookList>()),
      computed_hooks_(std::make_shared<HookList>()) {
  check_sparsity(name_, "sparsity", settings_.sparsity);
  if (!settings_.init_method) {
    fail<ConfigError>(name_, "init_method must be callable", "an empty function", "leave it out for random");
  }
}

void SparsityAlgorithm::release_taps() noexcept {
  for (const SparseParameter& p : sparse_params_) {
    ParameterAccess::tap(p.param()).arm(GradientTap::Retain::Nothing);
    ParameterAccess::tap(p.param()).forget();
  }
}

void SparsityAlgorithm::leave() noexcept {
  release_taps();
  if (!anchor_) return;
  anchor_->algorithm = nullptr;
  anchor_->name = std::move(name_);
  anchor_->had_updates_to_come = autoupdate_ && std::ranges::any_of(attachments_, [&](const Attachment& a) {
                                   return a.time.step < anchor_->last_update_step;
                                 });
}

SparsityAlgorithm::~SparsityAlgorithm() { leave(); }

SparsityAlgorithm::SparsityAlgorithm(SparsityAlgorithm&& other) noexcept
    : name_(std::move(other.name_)),
      settings_(std::move(other.settings_)),
      anchor_(std::move(other.anchor_)),
      claim_(std::move(other.claim_)),
      unattached_(std::move(other.unattached_)),
      target_hooks_(std::move(other.target_hooks_)),
      computed_hooks_(std::move(other.computed_hooks_)),
      sparse_params_(std::move(other.sparse_params_)),
      attachments_(std::move(other.attachments_)),
      applied_(std::exchange(other.applied_, false)),
      autoupdate_(other.autoupdate_),
      execution_(other.execution_) {
  if (anchor_) anchor_->algorithm = this;
}

SparsityAlgorithm& SparsityAlgorithm::operator=(SparsityAlgorithm&& other) noexcept {
  if (this == &other) return *this;
  leave();
  name_ = std::move(other.name_);
  settings_ = std::move(other.settings_);
  anchor_ = std::move(other.anchor_);
  claim_ = std::move(other.claim_);
  unattached_ = std::move(other.unattached_);
  target_hooks_ = std::move(other.target_hooks_);
  computed_hooks_ = std::move(other.computed_hooks_);
  sparse_params_ = std::move(other.sparse_params_);
  attachments_ = std::move(other.attachments_);
  applied_ = std::exchange(other.applied_, false);
  autoupdate_ = other.autoupdate_;
  execution_ = other.execution_;
  if (anchor_) anchor_->algorithm = this;
  return *this;
}

void SparsityAlgorithm::check_applied(const char* op) const {
  if (applied_) return;
  fail<StateError>(op, "the algorithm must be applied to a model first", "it was not",
                   "call model.apply(sparsity) before");
}

int64_t SparsityAlgorithm::last_update_step() const { return plans_steps() ? 0 : std::numeric_limits<int64_t>::max(); }

// ---- Meeting a model ----

void SparsityAlgorithm::warn_about_rank_one(const std::vector<SparseParameter>& parameters) const {
  if (has_filters()) return;
  std::vector<std::string> names;
  for (const SparseParameter& p : parameters) {
    if (p.param().shape().rank() <= 1) names.push_back(p.name());
  }
  if (!names.empty() && names.size() < parameters.size()) {
    rt::warn(
        "model.apply(sparsity): {0} makes parameters of rank 1 sparse, too: {1}; leave biases and norms dense with "
        "Group({{{{default_sparse_param_filter, {0}(...)}}}})",
        name_, list_nearest({}, names));
  }
}

void SparsityAlgorithm::warn_about_names(std::string_view what, const Sparsity& sparsity,
                                         const std::vector<SparseParameter>& parameters) const {
  const std::vector<std::string> names = names_of(parameters);
  for (const auto& [name, schedule] : sparsity.by_name()) {
    if (std::ranges::any_of(names, [&, &key = name](const std::string& n) { return n == key || glob_match(key, n); })) {
      continue;
    }
    rt::warn("model.apply(sparsity): the {} of {} for '{}' is for none of its parameters; they are {}", what, name_,
             name, list_nearest({name}, names));
  }
}

TopologyChange SparsityAlgorithm::first_change(const SparseParameter& parameter) const {
  const Parameter& p = parameter.param();
  const float sparsity = sparsity_at(parameter, {});
  if (p.is_csr()) return {};
  const MatrixSize size = as_matrix(p.shape());
  if (starts_dense()) return {CsrPattern::full(size.rows, size.cols)};
  InitContext context{
      .parameter = parameter, .sparsity = sparsity, .key = derive_key(settings_.seed, parameter.name(), 0)};
  complete(context);
  auto pattern = settings_.init_method(context);
  if (!pattern || pattern->rows() != size.rows || pattern->cols() != size.cols) {
    fail<ShapeError>("init_method",
                     fmt::format("the pattern of '{}' must be {} x {}", parameter.name(), size.rows, size.cols),
                     pattern ? fmt::format("{} x {}", pattern->rows(), pattern->cols()) : "none");
  }
  warn_if_empty(parameter, *pattern, sparsity);
  return {std::move(pattern)};
}

void SparsityAlgorithm::prepare_first_changes(const std::vector<SparseParameter>& parameters) {
  std::vector<std::pair<SparseParameter, TopologyChange>> changes;
  changes.reserve(parameters.size());
  for (const SparseParameter& p : parameters) changes.emplace_back(p, first_change(p));
  prepare_changes(std::move(changes));
  for (PreparedChange& change : *changes_) change.move_values_now();
}

void SparsityAlgorithm::prepare_adopt(std::vector<SparseParameter> parameters) {
  if (!parameters.empty()) warn_about_names("sparsity", settings_.sparsity, parameters);
  adopting_ = std::move(parameters);
}

void SparsityAlgorithm::adopt() noexcept {
  sparse_params_ = std::exchange(adopting_, {});
  changes_ = nullptr;
  applied_ = true;
  if (!execution_) return;
  for (const SparseParameter& p : sparse_params_) p.param().set_execution(*execution_);
}

void SparsityAlgorithm::apply(const std::vector<Parameter>& parameters) {
  constexpr const char* kOp = "model.apply(sparsity)";
  if (applied_) {
    if (get_sparse_params(parameters).size() != sparse_params_.size()) {
      fail<StateError>(kOp, "an algorithm belongs to one model", fmt::format("{} has the parameters of another", name_),
                       "make an algorithm for each model");
    }
    rt::log(LogLevel::Warning, "model.apply(sparsity): the algorithm was applied before; the second call does nothing");
    return;
  }
  std::set<std::string> names;
  std::vector<SparseParameter> candidates;
  requires_dense_.clear();
  for (const Parameter& p : parameters) {
    if (!names.insert(p.name()).second) {
      fail<ConfigError>(kOp, "names of parameters must be unique", fmt::format("'{}' twice", p.name()),
                        "register the modules under different names");
    }
    if (p.requires_dense()) {
      requires_dense_.emplace_back(p.name(), p);
    } else {
      candidates.emplace_back(p.name(), p);
    }
  }
  candidates = select(std::move(candidates));
  requires_dense_.clear();
  for (const SparseParameter& p : candidates) {
    if (!ParameterAccess::is_claimed(p.param())) continue;
    fail<StateError>(kOp, "a parameter may belong to one algorithm only",
                     fmt::format("'{}' belongs to another", p.name()), "combine algorithms with a Group");
  }
  std::shared_ptr<StepWatcher> unattached = autoupdate_ ? std::make_shared<Unattached>(name_) : nullptr;
  std::vector<Parameter> watched;
  try {
    prepare_first_changes(candidates);
    prepare_adopt(candidates);
    for (const SparseParameter& p : candidates) {
      if (needs_optimizer(p)) watched.push_back(p.param());
    }
    warn_about_rank_one(candidates);
    if (candidates.empty() && !may_be_empty()) {
      rt::warn("{}: {} leaves all {} parameters dense", kOp, name_, parameters.size());
    }
  } catch (...) {
    discard();
    throw;
  }
  carry_out_changes();
  for (const SparseParameter& p : candidates) ParameterAccess::claim(p.param(), claim_, last_update_step() > 0);
  for (const Parameter& p : watched) ParameterAccess::watch_steps(p, unattached);
  unattached_ = std::move(unattached);
  adopt();
}

void SparsityAlgorithm::set_autoupdate(bool autoupdate) {
  autoupdate_ = autoupdate;
  if (!autoupdate) unattached_ = nullptr;
}

void SparsityAlgorithm::initialize() {
  check_applied("initialize");
  try {
    prepare_first_changes(sparse_params_);
  } catch (...) {
    discard();
    throw;
  }
  carry_out_changes();
}

std::vector<SparseParameter> SparsityAlgorithm::get_sparse_params(const std::vector<Parameter>& parameters) const {
  std::vector<SparseParameter> found;
  for (const SparseParameter& p : sparse_params()) {
    if (std::ranges::find(parameters, p.param()) != parameters.end()) found.push_back(p);
  }
  return found;
}

std::vector<SparseParameter> SparsityAlgorithm::get_sparse_params(const optim::Optimizer& optimizer) const {
  return get_sparse_params(optimizer.params());
}

std::optional<SparseParameter> SparsityAlgorithm::get_sparse_param(const Parameter& parameter) const {
  const auto found = std::ranges::find(sparse_params_, parameter, &SparseParameter::param);
  return found == sparse_params_.end() ? std::nullopt : std::optional(*found);
}

float SparsityAlgorithm::sparsity_at(const SparseParameter& parameter, const ScheduleTime& time) const {
  ScheduleTime at = time;
  // A cycling sparsity moves on at update steps, and making the first pattern was one unless training starts dense.
  if (at.step > 0 && !starts_dense()) ++at.updates;
  const float sparsity = this->sparsity().of(parameter.name()).at(at);
  if (std::isnan(sparsity)) {
    fail<ConfigError>("sparsity", "a schedule must give a number", fmt::format("NaN at step {}", time.step));
  }
  return std::clamp(sparsity, 0.0F, 1.0F);
}

float SparsityAlgorithm::target_sparsity(const SparseParameter& parameter) const {
  const Attachment* attachment = attachment_of(parameter);
  return sparsity_at(parameter, attachment == nullptr ? ScheduleTime() : attachment->time);
}

}  // namespace gossamer::sparse
