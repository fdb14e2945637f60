// LrSchedule: the learning rate as a function of a base rate and the number of steps taken.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "gossamer/schedule.h"

#pragma GCC visibility push(default)
namespace gossamer::optim {

// The shapes of torch.optim.lr_scheduler, in closed form: t is the number of steps taken, 0 for the first update, and
// base the rate that the optimizer had. Each has `check()`, which throws ConfigError for members out of their range,
// and is called with (base, t).
namespace lr {

// base * gamma^(t / step_size), the quotient rounded down.
struct Step {
  int64_t step_size = 1;  // at least 1
  double gamma = 0.1;     // finite, >= 0

  void check() const;
  double operator()(double base, int64_t t) const;
};

// base * gamma^k, k being the number of milestones that t has reached; one that is listed twice counts twice.
struct MultiStep {
  std::vector<int64_t> milestones = {};
  double gamma = 0.1;  // finite, >= 0

  void check() const;
  double operator()(double base, int64_t t) const;
};

// base * factor below total_iters, base from there on.
struct Constant {
  double factor = 1.0 / 3;  // finite, >= 0
  int64_t total_iters = 5;  // at least 0

  void check() const;
  double operator()(double base, int64_t t) const;
};

// From base * start_factor to base * end_factor along a line, constant from total_iters on: warm-up.
struct Linear {
  double start_factor = 1.0 / 3;  // finite, >= 0
  double end_factor = 1;          // finite, >= 0
  int64_t total_iters = 5;        // at least 1

  void check() const;
  double operator()(double base, int64_t t) const;
};

// base * gamma^t
struct Exponential {
  double gamma = 0.9;  // finite, >= 0

  void check() const;
  double operator()(double base, int64_t t) const;
};

// base * (1 - t / total_iters)^power, 0 from total_iters on.
struct Polynomial {
  int64_t total_iters = 5;  // at least 1
  double power = 1;         // finite, above 0

  void check() const;
  double operator()(double base, int64_t t) const;
};

// Between base and eta_min along a cosine; it reaches eta_min at t_max and comes back. Loshchilov and Hutter 2017,
// https://arxiv.org/abs/1608.03983, without restarts.
struct CosineAnnealing {
  int64_t t_max = 1;   // at least 1
  double eta_min = 0;  // finite, >= 0

  void check() const;
  double operator()(double base, int64_t t) const;
};

// From base towards eta_min along half a cosine of t_0 steps, then again from base, each time t_mult times as long.
struct CosineAnnealingWarmRestarts {
  int64_t t_0 = 1;     // at least 1
  int64_t t_mult = 1;  // at least 1
  double eta_min = 0;  // finite, >= 0

  void check() const;
  double operator()(double base, int64_t t) const;
};

enum class Anneal { Cos, Linear };

// Up from max_lr / div_factor to max_lr over the share pct_start of total_steps, then down to the first rate divided by
// final_div_factor; with three_phase back to the first rate, as fast as up, and from there to the last. Constant from
// step total_steps - 1 on, where torch throws. The base does not count. Smith and Topin 2017,
// https://arxiv.org/abs/1708.07120.
struct OneCycle {
  double max_lr = 0.1;            // finite, >= 0
  int64_t total_steps = 1;        // at least 1
  double pct_start = 0.3;         // in [0, 1], with three_phase in [0, 1/2]
  Anneal anneal = Anneal::Cos;    // how it goes from one rate to the next
  double div_factor = 25;         // finite, above 0
  double final_div_factor = 1e4;  // finite, above 0
  bool three_phase = false;
  double base_momentum = 0.85;  // finite, >= 0
  double max_momentum = 0.95;   // finite, >= 0

  void check() const;
  double operator()(double base, int64_t t) const;
  // The momentum that goes with it, which falls to base_momentum as the rate rises. For SGD's momentum or Adam's beta1:
  // optimizer.param_groups()[0].options.momentum = cycle.momentum(scheduler.steps()).
  double momentum(int64_t t) const;
};

// What scales the height of a cycle.
enum class CyclicMode {
  Triangular,   // 1
  Triangular2,  // 1/2 to the power of the cycles done
  ExpRange,     // gamma^t
};

// Along lines between base_lr and max_lr, up in step_size_up steps and down in step_size_down. The base does not count.
// Smith 2017, https://arxiv.org/abs/1506.01186.
struct Cyclic {
  double base_lr = 0.01;                       // finite, >= 0
  double max_lr = 0.1;                         // finite, >= base_lr
  int64_t step_size_up = 2000;                 // at least 1
  std::optional<int64_t> step_size_down = {};  // at least 1; as many as up when not given
  CyclicMode mode = CyclicMode::Triangular;
  double gamma = 1;            // in (0, 1]
  double base_momentum = 0.8;  // finite, >= 0
  double max_momentum = 0.9;   // finite, >= base_momentum

  void check() const;
  double operator()(double base, int64_t t) const;
  // Falls as the rate rises; see OneCycle::momentum.
  double momentum(int64_t t) const;
};

}  // namespace lr

template <class S>
concept LrShape = requires(const S& shape) {
  shape.check();
  { shape(0.0, int64_t{0}) } -> std::convertible_to<double>;
};

// Any of these shapes, or of your own.
class LrSchedule {
 public:
  // Throws ConfigError for members of the shape out of their range.
  template <LrShape S>
  LrSchedule(S shape) {  // NOLINT: a shape is one
    shape.check();
    rate_ = std::move(shape);
  }
  // base * factor.value(t): LambdaLR with Schedule(schedule::Lambda{...}).
  LrSchedule(Schedule factor);  // NOLINT

  // Throws ConfigError for t below 0.
  double at(double base, int64_t t) const;

 private:
  std::function<double(double base, int64_t t)> rate_;
};

namespace lr {

// One schedule after the other: schedules[i] from milestones[i - 1] on, where it starts at its own step 0.
struct Sequential {
  std::vector<LrSchedule> schedules = {};  // at least one
  std::vector<int64_t> milestones = {};    // ascending, above 0, one fewer than schedules

  void check() const;
  double operator()(double base, int64_t t) const;
};

// All at once: the rate of each is the base of the next, so that factors multiply.
struct Chained {
  std::vector<LrSchedule> schedules = {};  // at least one

  void check() const;
  double operator()(double base, int64_t t) const;
};

}  // namespace lr

}  // namespace gossamer::optim
#pragma GCC visibility pop
