#include "gossamer/optim/lr_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string_view>

#include "optim/options.h"

namespace gossamer::optim {
namespace {

void check_at_least(std::string_view shape, std::string_view member, int64_t least, int64_t value) {
  if (value >= least) return;
  fail<ConfigError>(shape, fmt::format("{} must be at least {}", member, least), fmt::format("{}", value));
}

void check_positive(std::string_view shape, std::string_view member, double value) {
  if (std::isfinite(value) && value > 0) return;
  fail<ConfigError>(shape, fmt::format("{} must be finite and above 0", member), fmt::format("{}", value));
}

void check_not_below(std::string_view shape, std::string_view member, std::string_view other, double value,
                     double least) {
  if (std::isfinite(value) && value >= least) return;
  fail<ConfigError>(shape, fmt::format("{} must be finite and at least {}", member, other),
                    fmt::format("{} and {}", value, least));
}

void check_some(std::string_view shape, const std::vector<LrSchedule>& schedules) {
  if (schedules.empty()) fail<ConfigError>(shape, "there must be at least one schedule", "none");
}

template <class T>
double share(T t, T of) {
  return static_cast<double>(t) / static_cast<double>(of);
}

// From `from` at progress 0 to `to` at progress 1.
double along_cosine(double from, double to, double progress) {
  return to + (from - to) * (1 + std::cos(std::numbers::pi * progress)) / 2;
}
double along_line(double from, double to, double progress) { return from + (to - from) * progress; }

// The value of a one-cycle policy that passes through these: at first, at the peak, with three phases after the way
// down, and at last.
struct Waypoints {
  double first;
  double peak;
  double back;
  double last;
};

double one_cycle(const lr::OneCycle& cycle, const Waypoints& points, int64_t step) {
  const auto total = static_cast<double>(cycle.total_steps);
  const double t = std::min(static_cast<double>(step), total - 1);
  const auto go = [&](double from, double to, double start, double end) {
    const double progress = end > start ? (t - start) / (end - start) : 1;
    return cycle.anneal == lr::Anneal::Cos ? along_cosine(from, to, progress) : along_line(from, to, progress);
  };
  const double peak = cycle.pct_start * total - 1;
  if (t <= peak) return go(points.first, points.peak, 0, peak);
  if (!cycle.three_phase) return go(points.peak, points.last, peak, total - 1);
  const double back = 2 * peak;
  return t <= back ? go(points.peak, points.back, peak, back) : go(points.back, points.last, back, total - 1);
}

// The height of a cycle at step t, 1 at the first peak.
double height(const lr::Cyclic& cyclic, int64_t t) {
  const auto up = static_cast<uint64_t>(cyclic.step_size_up);
  const auto down = static_cast<uint64_t>(cyclic.step_size_down.value_or(cyclic.step_size_up));
  const auto cycle = static_cast<uint64_t>(t) / (up + down);
  const auto position = static_cast<uint64_t>(t) % (up + down);
  const double triangle = position <= up ? share(position, up) : 1 - share(position - up, down);
  switch (cyclic.mode) {
    case lr::CyclicMode::Triangular:
      break;
    case lr::CyclicMode::Triangular2:
      return triangle * std::pow(0.5, static_cast<double>(cycle));
    case lr::CyclicMode::ExpRange:
      return triangle * std::pow(cyclic.gamma, static_cast<double>(t));
  }
  return triangle;
}

}  // namespace

namespace lr {

void Step::check() const {
  check_at_least("lr::Step", "step_size", 1, step_size);
  check_not_negative("lr::Step", "gamma", gamma);
}
double Step::operator()(double base, int64_t t) const {
  const int64_t drops = t / step_size;
  return base * std::pow(gamma, static_cast<double>(drops));
}

void MultiStep::check() const { check_not_negative("lr::MultiStep", "gamma", gamma); }
double MultiStep::operator()(double base, int64_t t) const {
  const auto reached = std::ranges::count_if(milestones, [t](int64_t milestone) { return milestone <= t; });
  return base * std::pow(gamma, static_cast<double>(reached));
}

void Constant::check() const {
  check_not_negative("lr::Constant", "factor", factor);
  check_at_least("lr::Constant", "total_iters", 0, total_iters);
}
double Constant::operator()(double base, int64_t t) const { return t < total_iters ? base * factor : base; }

void Linear::check() const {
  check_not_negative("lr::Linear", "start_factor", start_factor);
  check_not_negative("lr::Linear", "end_factor", end_factor);
  check_at_least("lr::Linear", "total_iters", 1, total_iters);
}
double Linear::operator()(double base, int64_t t) const {
  return base * along_line(start_factor, end_factor, share(std::min(t, total_iters), total_iters));
}

void Exponential::check() const { check_not_negative("lr::Exponential", "gamma", gamma); }
double Exponential::operator()(double base, int64_t t) const { return base * std::pow(gamma, static_cast<double>(t)); }

void Polynomial::check() const {
  check_at_least("lr::Polynomial", "total_iters", 1, total_iters);
  check_positive("lr::Polynomial", "power", power);
}
double Polynomial::operator()(double base, int64_t t) const {
  return base * std::pow(1 - share(std::min(t, total_iters), total_iters), power);
}

void CosineAnnealing::check() const {
  check_at_least("lr::CosineAnnealing", "t_max", 1, t_max);
  check_not_negative("lr::CosineAnnealing", "eta_min", eta_min);
}
double CosineAnnealing::operator()(double base, int64_t t) const {
  return along_cosine(base, eta_min, share(t, t_max));
}

void CosineAnnealingWarmRestarts::check() const {
  check_at_least("lr::CosineAnnealingWarmRestarts", "t_0", 1, t_0);
  check_at_least("lr::CosineAnnealingWarmRestarts", "t_mult", 1, t_mult);
  check_not_negative("lr::CosineAnnealingWarmRestarts", "eta_min", eta_min);
}
double CosineAnnealingWarmRestarts::operator()(double base, int64_t t) const {
  if (t_mult == 1) return along_cosine(base, eta_min, share(t % t_0, t_0));
  auto period = static_cast<double>(t_0);
  auto rest = static_cast<double>(t);
  for (; rest >= period; period *= static_cast<double>(t_mult)) rest -= period;
  return along_cosine(base, eta_min, rest / period);
}

void OneCycle::check() const {
  constexpr std::string_view kShape = "lr::OneCycle";
  check_not_negative(kShape, "max_lr", max_lr);
  check_at_least(kShape, "total_steps", 1, total_steps);
  if (!(pct_start >= 0 && pct_start <= (three_phase ? 0.5 : 1))) {
    fail<ConfigError>(kShape, "pct_start must be in [0, 1], with three_phase in [0, 0.5]",
                      fmt::format("{}{}", pct_start, three_phase ? " with three_phase" : ""));
  }
  check_positive(kShape, "div_factor", div_factor);
  check_positive(kShape, "final_div_factor", final_div_factor);
  check_not_negative(kShape, "base_momentum", base_momentum);
  check_not_negative(kShape, "max_momentum", max_momentum);
}
double OneCycle::operator()(double, int64_t t) const {
  const double first = max_lr / div_factor;
  return one_cycle(*this, {.first = first, .peak = max_lr, .back = first, .last = first / final_div_factor}, t);
}
double OneCycle::momentum(int64_t t) const {
  return one_cycle(*this, {.first = max_momentum, .peak = base_momentum, .back = max_momentum, .last = max_momentum},
                   t);
}

void Cyclic::check() const {
  constexpr std::string_view kShape = "lr::Cyclic";
  check_not_negative(kShape, "base_lr", base_lr);
  check_not_below(kShape, "max_lr", "base_lr", max_lr, base_lr);
  check_at_least(kShape, "step_size_up", 1, step_size_up);
  if (step_size_down) check_at_least(kShape, "step_size_down", 1, *step_size_down);
  if (!(gamma > 0 && gamma <= 1)) fail<ConfigError>(kShape, "gamma must be in (0, 1]", fmt::format("{}", gamma));
  check_not_negative(kShape, "base_momentum", base_momentum);
  check_not_below(kShape, "max_momentum", "base_momentum", max_momentum, base_momentum);
}
double Cyclic::operator()(double, int64_t t) const { return along_line(base_lr, max_lr, height(*this, t)); }
double Cyclic::momentum(int64_t t) const { return along_line(max_momentum, base_momentum, height(*this, t)); }

void Sequential::check() const {
  check_some("lr::Sequential", schedules);
  if (milestones.size() + 1 != schedules.size()) {
    fail<ConfigError>("lr::Sequential", "there must be one milestone fewer than schedules",
                      fmt::format("{} and {}", milestones.size(), schedules.size()));
  }
  for (size_t i = 0; i < milestones.size(); ++i) {
    if (milestones[i] > (i == 0 ? 0 : milestones[i - 1])) continue;
    fail<ConfigError>("lr::Sequential", "milestones must ascend from above 0",
                      fmt::format("{}", fmt::join(milestones, ", ")));
  }
}
double Sequential::operator()(double base, int64_t t) const {
  const auto i = static_cast<size_t>(std::ranges::upper_bound(milestones, t) - milestones.begin());
  return schedules[i].at(base, i == 0 ? t : t - milestones[i - 1]);
}

void Chained::check() const { check_some("lr::Chained", schedules); }
double Chained::operator()(double base, int64_t t) const {
  for (const LrSchedule& schedule : schedules) base = schedule.at(base, t);
  return base;
}

}  // namespace lr

LrSchedule::LrSchedule(Schedule factor)
    : rate_([factor = std::move(factor)](double base, int64_t t) {
        return base * factor.value({.step = t, .updates = t});
      }) {}

double LrSchedule::at(double base, int64_t t) const {
  if (t < 0) fail<ConfigError>("LrSchedule::at", "the step must not be negative", fmt::format("{}", t));
  return rate_(base, t);
}

}  // namespace gossamer::optim
