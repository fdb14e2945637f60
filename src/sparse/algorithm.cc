#include "gossamer/sparse/algorithm.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>
#include <utility>

#include "gossamer/optim/optimizer.h"
#include "gossamer/random.h"
#include "optim/follower.h"
#include "parameter/access.h"
#include "parameter/change.h"
#include "runtime/check.h"
#include "runtime/log.h"
#include "sparse/saved.h"
#include "sparse/warn_if_empty.h"

namespace gossamer::sparse {

struct SparsityAlgorithm::Anchor {
  SparsityAlgorithm* algorithm;
};

// The algorithm in the steps of an optimizer: it may move meanwhile, or go before the optimizer.
class SparsityAlgorithm::Follower final : public optim::StepFollower {
 public:
  Follower(std::shared_ptr<Anchor> anchor, std::shared_ptr<const void> alive)
      : anchor_(std::move(anchor)), alive_(std::move(alive)) {}

  bool alive() const override { return anchor_->algorithm != nullptr; }
  bool plans() const override { return !follows() || anchor_->algorithm->plans_steps(); }
  std::vector<Parameter> begin(optim::Optimizer& optimizer) override {
    return follows() ? anchor_->algorithm->begin(&optimizer) : std::vector<Parameter>();
  }
  void plan(optim::Optimizer& optimizer) override {
    if (follows()) anchor_->algorithm->prepare(&optimizer);
  }
  void announce() override {
    if (follows()) anchor_->algorithm->announce();
  }
  void commit() noexcept override {
    if (alive()) anchor_->algorithm->carry_out();
  }
  void discard() noexcept override {
    if (alive()) anchor_->algorithm->discard();
  }
  void run(optim::Optimizer& optimizer) override {
    if (follows()) anchor_->algorithm->run(&optimizer);
  }
  std::unique_ptr<Saved> save() override {
    if (!alive()) return std::make_unique<OfAlgorithm>();
    return std::make_unique<OfAlgorithm>(*anchor_->algorithm);
  }

 private:
  struct OfAlgorithm final : Saved {
    OfAlgorithm() = default;
    explicit OfAlgorithm(SparsityAlgorithm& algorithm) { saved.emplace(algorithm); }
    ~OfAlgorithm() override {
      if (saved) saved->keep();
    }
    void restore() noexcept override {
      if (saved) saved->restore();
    }
    std::optional<SparsityAlgorithm::Saved> saved;
  };
  bool follows() const { return alive() && anchor_->algorithm->autoupdate(); }

  std::shared_ptr<Anchor> anchor_;
  std::shared_ptr<const void> alive_;
};

SparsityAlgorithm::SparsityAlgorithm(std::string name, SparsitySettings settings)
    : name_(std::move(name)),
      settings_(std::move(settings)),
      anchor_(std::make_shared<Anchor>(Anchor{this})),
      claim_(std::make_shared<const int>(0)),
      target_hooks_(std::make_shared<HookList>()),
      computed_hooks_(std::make_shared<HookList>()) {
  settings_.sparsity.for_each([&](const Schedule& schedule) {
    if (!schedule.is_constant()) return;
    if (const float s = schedule.at({}); !(s >= 0 && s < 1)) {
      fail<ConfigError>(name_, "sparsity must be at least 0 and below 1", fmt::format("{}", s));
    }
  });
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

SparsityAlgorithm::~SparsityAlgorithm() {
  release_taps();
  if (anchor_) anchor_->algorithm = nullptr;
}

SparsityAlgorithm::SparsityAlgorithm(SparsityAlgorithm&& other) noexcept
    : name_(std::move(other.name_)),
      settings_(std::move(other.settings_)),
      anchor_(std::move(other.anchor_)),
      claim_(std::move(other.claim_)),
      target_hooks_(std::move(other.target_hooks_)),
      computed_hooks_(std::move(other.computed_hooks_)),
      sparse_params_(std::move(other.sparse_params_)),
      attachments_(std::move(other.attachments_)),
      applied_(std::exchange(other.applied_, false)),
      autoupdate_(other.autoupdate_) {
  if (anchor_) anchor_->algorithm = this;
}

SparsityAlgorithm& SparsityAlgorithm::operator=(SparsityAlgorithm&& other) noexcept {
  if (this == &other) return *this;
  release_taps();
  if (anchor_) anchor_->algorithm = nullptr;
  name_ = std::move(other.name_);
  settings_ = std::move(other.settings_);
  anchor_ = std::move(other.anchor_);
  claim_ = std::move(other.claim_);
  target_hooks_ = std::move(other.target_hooks_);
  computed_hooks_ = std::move(other.computed_hooks_);
  sparse_params_ = std::move(other.sparse_params_);
  attachments_ = std::move(other.attachments_);
  applied_ = std::exchange(other.applied_, false);
  autoupdate_ = other.autoupdate_;
  if (anchor_) anchor_->algorithm = this;
  return *this;
}

void SparsityAlgorithm::check_applied(const char* op) const {
  if (applied_) return;
  fail<StateError>(op, "the algorithm must be applied to a model first", "it was not",
                   "call model.apply(sparsity) before");
}

// ---- Meeting a model ----

TopologyChange SparsityAlgorithm::first_change(const SparseParameter& parameter) const {
  const Parameter& p = parameter.param();
  const float sparsity = sparsity_at(parameter, {});
  if (p.is_csr()) return {};
  const MatrixSize size = as_matrix(p.shape());
  if (starts_dense()) return {CsrPattern::full(size.rows, size.cols)};
  auto pattern = settings_.init_method(
      {.parameter = parameter, .sparsity = sparsity, .key = derive_key(settings_.seed, parameter.name(), 0)});
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
  for (const SparseParameter& p : parameters) changes.emplace_back(p, first_change(p));
  prepare_changes(std::move(changes));
  for (PreparedChange& change : *changes_) change.move_values_now();
}

void SparsityAlgorithm::prepare_adopt(std::vector<SparseParameter> parameters) { adopting_ = std::move(parameters); }

void SparsityAlgorithm::adopt() noexcept {
  sparse_params_ = std::exchange(adopting_, {});
  changes_ = nullptr;
  applied_ = true;
}

void SparsityAlgorithm::apply(const std::vector<Parameter>& parameters) {
  constexpr const char* kOp = "model.apply(sparsity)";
  if (applied_) {
    rt::log(LogLevel::Warning, "model.apply(sparsity): the algorithm was applied before; the second call does nothing");
    return;
  }
  std::set<std::string> names;
  std::vector<SparseParameter> candidates;
  for (const Parameter& p : parameters) {
    if (!names.insert(p.name()).second) {
      fail<ConfigError>(kOp, "names of parameters must be unique", fmt::format("'{}' twice", p.name()),
                        "register the modules under different names");
    }
    if (!p.requires_dense()) candidates.emplace_back(p.name(), p);
  }
  candidates = select(std::move(candidates));
  for (const SparseParameter& p : candidates) {
    if (!ParameterAccess::is_claimed(p.param())) continue;
    fail<StateError>(kOp, "a parameter may belong to one algorithm only",
                     fmt::format("'{}' belongs to another", p.name()), "combine algorithms with a Group");
  }
  try {
    prepare_first_changes(candidates);
    prepare_adopt(candidates);
    if (candidates.empty()) {
      rt::log(LogLevel::Warning, fmt::format("{}: {} leaves all {} parameters dense", kOp, name_, parameters.size()));
    }
  } catch (...) {
    discard();
    throw;
  }
  carry_out_changes();
  for (const SparseParameter& p : candidates) ParameterAccess::claim(p.param(), claim_);
  adopt();
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

// ---- Meeting optimizers ----

void SparsityAlgorithm::apply(optim::Optimizer& optimizer) {
  constexpr const char* kOp = "optimizer.apply(sparsity)";
  check_applied(kOp);
  if (std::ranges::find(attachments_, optimizer.id(), &Attachment::optimizer) != attachments_.end()) {
    rt::log(LogLevel::Warning,
            "optimizer.apply(sparsity): applied to this optimizer before; the second call does nothing");
    return;
  }
  const std::vector<SparseParameter> own = get_sparse_params(optimizer);
  if (own.empty() && num_sparse_params() > 0) {
    fail<ConfigError>(kOp, "the optimizer must have a parameter of the algorithm", "it has none of them",
                      "construct it from the parameters of the same model");
  }
  for (const SparseParameter& p : own) {
    const Attachment* other = attachment_of(p);
    if (other != nullptr && !other->alive.expired()) {
      fail<StateError>(kOp, "a parameter may belong to one optimizer only",
                       fmt::format("'{}' belongs to another", p.name()));
    }
  }
  const auto alive = std::make_shared<const int>(0);
  try {
    prepare_attach(optimizer, alive);
    optim::OptimizerAccess::follow(optimizer, std::make_shared<Follower>(anchor_, alive));
  } catch (...) {
    discard();
    throw;
  }
  attach();
}

void SparsityAlgorithm::prepare_attach(optim::Optimizer& optimizer, const std::weak_ptr<const void>& alive) {
  Attachment fresh{optimizer.id(), {}, get_sparse_params(optimizer), alive};
  // An optimizer that takes the place of a destroyed one goes on at its step.
  for (const SparseParameter& p : fresh.parameters) {
    const Attachment* before = attachment_of(p);
    if (before != nullptr && before->time.step > fresh.time.step) fresh.time = before->time;
  }
  attaching_ = attachments_;
  std::erase_if(attaching_, [](const Attachment& a) { return a.alive.expired(); });
  attaching_.push_back(std::move(fresh));
}

void SparsityAlgorithm::attach() noexcept { attachments_ = std::exchange(attaching_, {}); }

const SparsityAlgorithm::Attachment* SparsityAlgorithm::attachment_of(const SparseParameter& parameter) const {
  const auto found = std::ranges::find_if(attachments_, [&](const Attachment& a) {
    return std::ranges::find(a.parameters, parameter.param(), &SparseParameter::param) != a.parameters.end();
  });
  return found == attachments_.end() ? nullptr : &*found;
}

SparsityAlgorithm::Attachment& SparsityAlgorithm::attachment(optim::Optimizer* optimizer) {
  check_applied("update");
  if (optimizer != nullptr) {
    const auto found = std::ranges::find(attachments_, optimizer->id(), &Attachment::optimizer);
    if (found == attachments_.end()) {
      fail<StateError>("update", "the optimizer must be attached", "it is not",
                       "call optimizer.apply(sparsity) before");
    }
    return *found;
  }
  if (attachments_.empty()) attachments_.push_back({0, {}, sparse_params_, {}});
  if (attachments_.size() > 1) {
    fail<StateError>("update", "with several optimizers attached, one must be named",
                     fmt::format("{} are attached", attachments_.size()), "call update(&optimizer)");
  }
  return attachments_.front();
}

// ---- Steps ----

std::vector<Parameter> SparsityAlgorithm::begin(optim::Optimizer* optimizer) {
  const Attachment& a = attachment(optimizer);
  ScheduleTime time = a.time;
  ++time.step;
  step_ = Step{.optimizer = a.optimizer, .time = time, .time_after = time};
  return {};
}

SparsityAlgorithm::Attachment& SparsityAlgorithm::step_attachment() noexcept {
  return *std::ranges::find(attachments_, step_->optimizer, &Attachment::optimizer);
}

void SparsityAlgorithm::prepare(optim::Optimizer*) {
  const Attachment& a = step_attachment();
  step_->targets = targets(a, step_->time);
  if (computed_hooks_->hooks.empty()) return;
  for (const SparseParameter& p : a.parameters) {
    const PreparedChange* change = change_of(p.param());
    const double sparsity = change == nullptr ? p.param().sparsity() : change->pattern()->sparsity();
    step_->computed.emplace_back(p.name(), static_cast<float>(sparsity));
  }
}

void SparsityAlgorithm::carry_out() noexcept {
  if (!step_) return;
  carry_out_changes();
  step_attachment().time = step_->time_after;
  step_.reset();
}

void SparsityAlgorithm::discard() noexcept {
  changes_ = nullptr;
  step_.reset();
  adopting_ = {};
  attaching_ = {};
}

void SparsityAlgorithm::update(optim::Optimizer* optimizer) {
  try {
    begin(optimizer);
    prepare(optimizer);
    announce();
  } catch (...) {
    discard();
    throw;
  }
  carry_out();
}

void SparsityAlgorithm::prepare_changes(std::vector<std::pair<SparseParameter, TopologyChange>> changes) {
  auto prepared = std::make_shared<std::vector<PreparedChange>>();
  prepared->reserve(changes.size());
  for (auto& [p, change] : changes) {
    if (change.pattern) prepared->emplace_back(p.param(), std::exchange(change, {}));
  }
  changes_ = std::move(prepared);
}

void SparsityAlgorithm::carry_out_changes() noexcept {
  if (!changes_) return;
  for (PreparedChange& change : *changes_) change.commit();
  changes_ = nullptr;
}

const PreparedChange* SparsityAlgorithm::change_of(const Parameter& parameter) const {
  if (!changes_) return nullptr;
  const auto found = std::ranges::find(*changes_, parameter, &PreparedChange::parameter);
  return found == changes_->end() ? nullptr : &*found;
}

SparsityAlgorithm::Future SparsityAlgorithm::future_of(const Parameter& parameter) const {
  const PreparedChange* change = change_of(parameter);
  if (change == nullptr) return {parameter.pattern(), parameter.values()};
  return {change->pattern(), change->values_after()};
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
