// Hyperparameters that change over training, and the steps on which something is updated.
//
// Names and formulas follow cerebras.pytorch.sparse. A value comes in float32, every operation in float32 as there
// (at), or in double (value).
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "gossamer/version.h"

#pragma GCC visibility push(default)
namespace gossamer {

// Where training stands: steps taken, and how many of them were update steps so far.
struct ScheduleTime {
  int64_t step = 0;
  int64_t updates = 0;
};

// The shapes of a schedule. They live in a namespace of their own, so that gossamer::nn::Linear is the only layer of
// that name in sight.
namespace schedule {

struct Constant {
  double value = 0;
};

// init + step * slope
struct Linear {
  double init = 0;
  double slope = 0;
};

// final + (init - final) * exp(step * gamma)
struct Exp {
  double init = 0;
  double gamma = 0;
  double final = 1;
};

// init * beta ^ step
struct Power {
  double init = 0;
  double beta = 1;
};

// Between init and minimum along a cosine; it reaches the minimum at half_period and comes back.
struct Cosine {
  double init = 0;
  double half_period = 0;  // steps; to be given, above 0
  double minimum = 0;
};

// One value after the other, again from the start after the last; moves on at each update step.
struct Cycling {
  std::vector<double> values;
};

// From init at step `start` to final at step `end`, fast at first: final + (init - final) * (1 - progress)^3. Constant
// before and after. Zhu and Gupta 2017, https://arxiv.org/abs/1710.01878; not in cerebras.pytorch.sparse.
struct Cubic {
  double init = 0;
  double final = 1;
  int64_t start = 0;
  int64_t end = 1;  // above start
};

// Any function of the step.
struct Lambda {
  std::function<double(int64_t step)> fn;
};

}  // namespace schedule

// Smallest and largest value, and the one at the end.
struct MinMaxEnd {
  float min;
  float max;
  float end;
};

// A value as a function of training time. A number is Constant, a list of numbers Cycling.
class Schedule {
  using Kind = std::variant<schedule::Constant, schedule::Linear, schedule::Exp, schedule::Power, schedule::Cosine,
                            schedule::Cycling, schedule::Cubic, schedule::Lambda>;

 public:
  // Throws ConfigError: half_period not above 0, no values to cycle through, an end not above the start, an empty
  // function.
  template <class S>
  requires std::constructible_from<Kind, S> &&(!std::is_arithmetic_v<S>)Schedule(S schedule)  // NOLINT: a shape is one
      : kind_(std::move(schedule)) {
    check();
  }
  Schedule(double value) : kind_(schedule::Constant{value}) {}  // NOLINT
  Schedule(std::initializer_list<double> values) : kind_(schedule::Cycling{values}) { check(); }

  // Every operation in float32: what sparsities and drop fractions use.
  float at(const ScheduleTime& time) const;
  // Every operation in double: what learning rates and the like use.
  double value(const ScheduleTime& time) const;

  // A number, or a list of equal ones: the same value at all times.
  bool is_constant() const;
  // Null unless its shape is S: schedule::Cosine, for instance.
  template <class S>
  const S* get_if() const {
    return std::get_if<S>(&kind_);
  }

  // Over the steps from begin to end, both inclusive, as their ends show it, in float32; of Cosine the whole swing, of
  // Cycling all values.
  MinMaxEnd min_max_end(int64_t begin, int64_t end) const;

 private:
  void check() const;

  Kind kind_;
};

// The steps of an update. Default: every step.
//   {.freq = 100, .start = 0, .stop = 2000}   step start, then every freq steps, below stop
//   {.steps = {100, 500}}                     exactly these
//   {.fn = [](int64_t step) { ... }}          where it returns true
struct UpdateSchedule {
  std::optional<int64_t> freq = {};  // at least 1
  int64_t start = 0;                 // inclusive, and the origin of the count
  std::optional<int64_t> stop = {};  // exclusive
  std::optional<std::vector<int64_t>> steps = {};
  std::function<bool(int64_t step)> fn = {};

  // Throws ConfigError for freq below 1.
  bool is_update_step(int64_t step) const;
  // Throws ConfigError: freq below 1, an empty list of steps, more than one of freq, steps and fn, start or stop
  // without freq. A stop that is not above start is none: there are no steps then, as in the original.
  void check() const;
};

}  // namespace gossamer
#pragma GCC visibility pop
