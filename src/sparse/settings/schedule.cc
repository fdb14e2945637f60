#include "gossamer/sparse/schedule.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "runtime/check.h"

namespace gossamer::sparse {

namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
// clang 14 does not deduce aggregates yet.
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

float f32(double x) { return static_cast<float>(x); }

struct Swing {
  float amplitude;
  float offset;
};
Swing swing(const Cosine& s) {
  const double offset = (s.minimum + s.init) / 2;
  return {f32(s.init - offset), f32(offset)};
}

}  // namespace

void Schedule::check() const {
  if (const auto* cosine = std::get_if<Cosine>(&kind_); cosine && !(cosine->half_period > 0)) {
    fail<ConfigError>("Cosine", "half_period must be above 0", fmt::format("{}", cosine->half_period));
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

float Schedule::at(const ScheduleTime& time) const {
  const auto step = static_cast<float>(time.step);
  return std::visit(
      Overloaded{
          [](const Constant& s) { return f32(s.value); },
          [&](const Linear& s) { return f32(s.init) + step * f32(s.slope); },
          [&](const Exp& s) { return f32(s.final) + (f32(s.init) - f32(s.final)) * std::exp(step * f32(s.gamma)); },
          [&](const Power& s) { return f32(s.init) * std::pow(f32(s.beta), step); },
          [&](const Cosine& s) {
            const auto [amplitude, offset] = swing(s);
            const float frequency = f32(std::numbers::pi / s.half_period);
            return amplitude * std::cos(step * frequency) + offset;
          },
          [&](const Cycling& s) { return f32(s.values[static_cast<size_t>(time.updates) % s.values.size()]); },
          [&](const Cubic& s) {
            const int64_t left = s.end - std::clamp(time.step, s.start, s.end);
            const float share = static_cast<float>(left) / static_cast<float>(s.end - s.start);
            return f32(s.final) + (f32(s.init) - f32(s.final)) * share * share * share;
          },
          [&](const Lambda& s) { return f32(s.fn(time.step)); },
      },
      kind_);
}

MinMaxEnd Schedule::min_max_end(int64_t begin, int64_t end) const {
  if (const auto* cycling = std::get_if<Cycling>(&kind_)) {
    const auto [low, high] = std::ranges::minmax(cycling->values);
    return {f32(low), f32(high), f32(cycling->values.back())};
  }
  const float last = at({.step = end});
  if (const auto* cosine = std::get_if<Cosine>(&kind_)) {
    // The whole swing, also where a turning point lies outside, as in the original.
    const auto [amplitude, offset] = swing(*cosine);
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
  return step >= start && (!stop || step < *stop) && (step - start) % *freq == 0;
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

}  // namespace gossamer::sparse
