// How algorithms meet optimizers, and take steps.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "gossamer/optim/optimizer.h"
#include "gossamer/sparse/algorithm.h"
#include "optim/follower.h"
#include "parameter/access.h"
#include "parameter/change.h"
#include "runtime/check.h"
#include "runtime/log.h"
#include "sparse/anchor.h"
#include "sparse/saved.h"

namespace gossamer::sparse {

// The algorithm in the steps of an optimizer: it may move meanwhile, or go before the optimizer.
class SparsityAlgorithm::Follower final : public optim::StepFollower {
 public:
  Follower(std::shared_ptr<Anchor> anchor, std::shared_ptr<const void> alive)
      : anchor_(std::move(anchor)), alive_(std::move(alive)) {}

  bool alive() const override { return anchor_->algorithm != nullptr; }
  void tell_end() const noexcept override {
    if (!anchor_->had_updates_to_come) return;
    rt::warn(
        "optimizer.step(): the {} of this optimizer is gone, with updates to come, and patterns stay as they are; keep "
        "it as long as the optimizer, or call set_autoupdate(false) to end its updates",
        anchor_->name);
  }
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
  // A hook may call this within a step.
  const auto is_stepping = [&](const Attachment& a) { return step_ && step_->optimizer == a.optimizer; };
  std::erase_if(attaching_, [&](const Attachment& a) { return a.alive.expired() && !is_stepping(a); });
  attaching_.push_back(std::move(fresh));
}

void SparsityAlgorithm::attach() noexcept {
  attachments_ = std::exchange(attaching_, {});
  for (const SparseParameter& p : attachments_.back().parameters) ParameterAccess::watch_steps(p.param(), nullptr);
  anchor_->last_update_step = last_update_step();
}

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
  unattached_ = nullptr;  // the application counts the steps
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

}  // namespace gossamer::sparse
