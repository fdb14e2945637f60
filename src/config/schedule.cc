#include "gossamer/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "runtime/check.h"

namespace gossamer {

using namespace schedule;  // NOLINT(google-build-using-namespace): every shape, and nothing else, is in it

namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
// clang 14 does not deduce aggregates yet.
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

// b - a for a <= b, whatever their signs.
uint64_t distance(int64_t a, int64_t b) { return static_cast<uint64_t>(b) - static_cast<uint64_t>(a); }

float f32(double x) { return static_cast<float>(x); }

template <class F>
struct Swing {
  F amplitude;
  F offset;
};
template <class F>
Swing<F> swing(const schedule::Cosine& s) {
  const double offset = (s.minimum + s.init) / 2;
  return {static_cast<F>(s.init - offset), static_cast<F>(offset)};
}

// Every operation in F. The settings are rounded to F once, the step too.
template <class F, class Kind>
F evaluate(const Kind& kind, const ScheduleTime& time) {
  const auto f = [](double x) { return static_cast<F>(x); };
  const auto step = static_cast<F>(time.step);
  return std::visit(
      Overloaded{
          [&](const Constant& s) { return f(s.value); },
          [&](const Linear& s) { return f(s.init) + step * f(s.slope); },
          [&](const Exp& s) { return f(s.final) + (f(s.init) - f(s.final)) * std::exp(step * f(s.gamma)); },
          [&](const Power& s) { return f(s.init) * std::pow(f(s.beta), step); },
          [&](const Cosine& s) {
            const auto [amplitude, offset] = swing<F>(s);
            const F frequency = f(std::numbers::pi / s.half_period);
            return amplitude * std::cos(step * frequency) + offset;
          },
          [&](const Cycling& s) { return f(s.values[static_cast<size_t>(time.updates) % s.values.size()]); },
          [&](const Cubic& s) {
            const uint64_t left = distance(std::clamp(time.step, s.start, s.end), s.end);
            const F share = static_cast<F>(left) / static_cast<F>(distance(s.start, s.end));
            return f(s.final) + (f(s.init) - f(s.final)) * share * share * share;
          },
          [&](const Lambda& s) { return f(s.fn(time.step)); },
      },
      kind);
}

}  // namespace

void Schedule::check() const {
  if (const auto* cosine = std::get_if<Cosine>(&kind_); cosine && !(cosine->half_period > 0)) {
    fail<ConfigError>("Cosine", "half_period must be given, above 0", fmt::format("{}", cosine->half_period),
                      "give the steps from init to minimum");
  }
  if (const auto* cycling = std::get_if<Cycling>(&kind_); cycling && cycling->values.empty()) {
    fail<ConfigError>("Cycling", "there must be at least one value", "none");
  }
  if (const auto* cubic = std::get_if<Cubic>(&kind_); cubic && cubic->end <= cubic->start) {
    fail<ConfigError>("Cubic", "end must be above start", fmt::format("start {}, end {}", cubic->start, cubic->end));
  }
  if (const auto* lambda = std::get_if<Lambda>(&kind_); lambda && !lambda->fn) {
    fail<ConfigError>("Lambda", "fn must be callable", "an empty function");
  }
}

bool Schedule::is_constant() const {
  if (const auto* cycling = std::get_if<Cycling>(&kind_)) {
    return std::ranges::adjacent_find(cycling->values, std::not_equal_to<>()) == cycling->values.end();
  }
  return std::holds_alternative<Constant>(kind_);
}

float Schedule::at(const ScheduleTime& time) const { return evaluate<float>(kind_, time); }

double Schedule::value(const ScheduleTime& time) const { return evaluate<double>(kind_, time); }

MinMaxEnd Schedule::min_max_end(int64_t begin, int64_t end) const {
  if (const auto* cycling = std::get_if<Cycling>(&kind_)) {
    const auto [low, high] = std::ranges::minmax(cycling->values);
    return {f32(low), f32(high), f32(cycling->values.back())};
  }
  const float last = at({.step = end});
  if (const auto* cosine = std::get_if<Cosine>(&kind_)) {
    // The whole swing, also where a turning point lies outside, as in the original.
    const auto [amplitude, offset] = swing<float>(*cosine);
    const auto [low, high] = std::minmax({offset - amplitude, offset + amplitude});
    return {low, high, last};
  }
  const float first = at({.step = begin});
  return {std::min(first, last), std::max(first, last), last};
}

bool UpdateSchedule::is_update_step(int64_t step) const {
  if (fn) return fn(step);
  if (steps) return std::ranges::find(*steps, step) != steps->end();
  if (!freq) return true;
  if (*freq < 1) check();
  return step >= start && (!stop || step < *stop) && distance(start, step) % static_cast<uint64_t>(*freq) == 0;
}

void UpdateSchedule::check() const {
  constexpr const char* kOp = "UpdateSchedule";
  if (static_cast<int>(freq.has_value()) + static_cast<int>(steps.has_value()) + static_cast<int>(fn != nullptr) > 1) {
    fail<ConfigError>(kOp, "at most one of freq, steps and fn may be given", "several");
  }
  if (freq && *freq < 1) fail<ConfigError>(kOp, "freq must be at least 1", fmt::format("{}", *freq));
  if (steps && steps->empty()) fail<ConfigError>(kOp, "steps must not be empty", "an empty list");
  if (!freq && (start != 0 || stop)) {
    fail<ConfigError>(kOp, "start and stop need freq", "they were given without it", "add .freq");
  }
}

}  // namespace gossamer
