#include "gossamer/optim/lr_scheduler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "optim/options.h"
#include "tensor/state_reader.h"

namespace gossamer::optim {
namespace {

// rates[i] to group first + i; all or none.
void set_lrs(Optimizer& optimizer, size_t first, const std::vector<double>& rates) {
  std::vector<double> before;
  for (size_t i = 0; i < rates.size(); ++i) before.push_back(optimizer.lr(first + i));
  size_t set = 0;
  try {
    for (; set < rates.size(); ++set) optimizer.set_lr(first + set, rates[set]);
  } catch (...) {
    while (set > 0) {
      --set;
      optimizer.set_lr(first + set, before[set]);
    }
    throw;
  }
}

std::string base_key(size_t group) { return fmt::format("base_lr.{}", group); }

}  // namespace

LrScheduler::LrScheduler(Optimizer& optimizer, const LrSchedule& schedule)
    : LrScheduler(optimizer, std::vector<LrSchedule>(optimizer.num_param_groups(), schedule)) {}

LrScheduler::LrScheduler(Optimizer& optimizer, std::vector<LrSchedule> schedules)
    : optimizer_(optimizer.id()), schedules_(std::move(schedules)) {
  if (schedules_.size() != optimizer.num_param_groups()) {
    fail<ConfigError>("LrScheduler", "there must be one schedule for each group",
                      fmt::format("{} for {}", schedules_.size(), optimizer.num_param_groups()));
  }
  for (size_t group = 0; group < schedules_.size(); ++group) base_.push_back(optimizer.lr(group));
  set_rates(optimizer, 0);
}

LrScheduler::LrScheduler(Optimizer& optimizer, LrSchedule schedule, size_t group)
    : optimizer_(optimizer.id()), first_(group), schedules_{std::move(schedule)}, base_{optimizer.lr(group)} {
  set_rates(optimizer, 0);
}

void LrScheduler::step(Optimizer& optimizer) {
  if (optimizer.id() != optimizer_) {
    fail<StateError>("LrScheduler::step", "the optimizer must be the one that the scheduler was made for", "another",
                     "make a scheduler for each optimizer");
  }
  set_rates(optimizer, steps_ + 1);
  ++steps_;
}

void LrScheduler::set_rates(Optimizer& optimizer, int64_t steps) const {
  std::vector<double> rates;
  for (size_t i = 0; i < schedules_.size(); ++i) rates.push_back(schedules_[i].at(base_[i], steps));
  set_lrs(optimizer, first_, rates);
}

StateDict LrScheduler::state_dict() const {
  StateDict dict{{"step", state_scalar(steps_)}};
  for (size_t i = 0; i < base_.size(); ++i) dict[base_key(first_ + i)] = state_scalar(base_[i]);
  return dict;
}

void LrScheduler::load_state_dict(const StateDict& dict) {
  StateReader reader(dict);
  const auto steps = reader.scalar<int64_t>("step");
  if (steps < 0) reader.fault("step", "0 or more", fmt::format("{}", steps));
  std::vector<double> base;
  for (size_t i = 0; i < base_.size(); ++i) {
    const std::string key = base_key(first_ + i);
    base.push_back(reader.scalar<double>(key));
    if (!std::isfinite(base.back()) || base.back() < 0) {
      reader.fault(key, "finite and not negative", fmt::format("{}", base.back()));
    }
  }
  reader.finish("LrScheduler::load_state_dict", "the dict must be that of a scheduler of these groups",
                "make the scheduler as it was saved");
  base_ = std::move(base);
  steps_ = steps;
}

ReduceLrOnPlateau::ReduceLrOnPlateau(const PlateauOptions& options)
    : options_(options), best_(std::numeric_limits<double>::infinity()) {
  constexpr std::string_view kOp = "ReduceLrOnPlateau";
  check_decay(kOp, "factor", options.factor);
  check_not_negative(kOp, "threshold", options.threshold);
  check_not_negative(kOp, "min_lr", options.min_lr);
  check_not_negative(kOp, "eps", options.eps);
  check_not_negative(kOp, "patience", static_cast<double>(options.patience));
  check_not_negative(kOp, "cooldown", static_cast<double>(options.cooldown));
  if (options.mode == PlateauMode::Max) best_ = -best_;
}

bool ReduceLrOnPlateau::improves(double metric) const {
  const double sign = options_.mode == PlateauMode::Min ? -1 : 1;
  const double bound = options_.threshold_mode == PlateauThreshold::Relative ? best_ * (1 + sign * options_.threshold)
                                                                             : best_ + sign * options_.threshold;
  return options_.mode == PlateauMode::Min ? metric < bound : metric > bound;
}

void ReduceLrOnPlateau::step(Optimizer& optimizer, double metric) {
  const bool better = improves(metric);
  const int64_t bad_steps = better || cooldown_ > 0 ? 0 : bad_steps_ + 1;
  const bool reduce = bad_steps > options_.patience;
  if (reduce) {
    const size_t first = options_.group.value_or(0);
    std::vector<double> rates;
    for (size_t i = 0; i < (options_.group ? 1 : optimizer.num_param_groups()); ++i) {
      const double before = optimizer.lr(first + i);
      const double after = std::max(before * options_.factor, options_.min_lr);
      rates.push_back(before - after > options_.eps ? after : before);
    }
    set_lrs(optimizer, first, rates);
  }
  if (better) best_ = metric;
  bad_steps_ = reduce ? 0 : bad_steps;
  cooldown_ = reduce ? options_.cooldown : std::max<int64_t>(cooldown_ - 1, 0);
}

StateDict ReduceLrOnPlateau::state_dict() const {
  return {
      {"best", state_scalar(best_)}, {"bad_steps", state_scalar(bad_steps_)}, {"cooldown", state_scalar(cooldown_)}};
}

void ReduceLrOnPlateau::load_state_dict(const StateDict& dict) {
  StateReader reader(dict);
  const auto best = reader.scalar<double>("best");
  if (std::isnan(best)) reader.fault("best", "a number", "NaN");
  const auto count = [&](const char* name) {
    const auto value = reader.scalar<int64_t>(name);
    if (value < 0) reader.fault(name, "0 or more", fmt::format("{}", value));
    return value;
  };
  const int64_t bad_steps = count("bad_steps");
  const int64_t cooldown = count("cooldown");
  reader.finish("ReduceLrOnPlateau::load_state_dict", "the dict must be that of a ReduceLrOnPlateau",
                "pass what its state_dict() gave");
  best_ = best;
  bad_steps_ = bad_steps;
  cooldown_ = cooldown;
}

}  // namespace gossamer::optim
