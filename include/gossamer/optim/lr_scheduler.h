// LrScheduler and ReduceLrOnPlateau: what moves the learning rates of an optimizer, and is saved with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "gossamer/optim/lr_schedule.h"
#include "gossamer/optim/optimizer.h"
#include "gossamer/state_dict.h"

#pragma GCC visibility push(default)
namespace gossamer::optim {

// Sets the rate of every group, or of one, as schedules say:
//
//   LrScheduler scheduler(optimizer, lr::CosineAnnealing{.t_max = 100});
//   for (...) {
//     ...                            // once per epoch, or per update
//     optimizer.step();
//     scheduler.step(optimizer);
//   }
//
// It keeps no reference to the optimizer: either may be moved or destroyed first.
class LrScheduler {
 public:
  // Takes the rates that the optimizer has as base rates, and sets those of step 0. One schedule for all groups, one
  // for each, or one for a single group. Throws ConfigError when there are not as many schedules as groups or no such
  // group, or as step() does; nothing is changed then.
  LrScheduler(Optimizer& optimizer, const LrSchedule& schedule);
  LrScheduler(Optimizer& optimizer, std::vector<LrSchedule> schedules);
  LrScheduler(Optimizer& optimizer, LrSchedule schedule, size_t group);

  // Sets the rates of the next step. Throws StateError unless this is the optimizer that it was made for, ConfigError
  // when a schedule gives a rate that is negative or not finite, and whatever a schedule throws; nothing is changed
  // then.
  void step(Optimizer& optimizer);

  // Steps taken.
  int64_t steps() const { return steps_; }

  //   step              i64 scalar
  //   base_lr.<group>   f64 scalar, of each group whose rate it sets
  // The schedules are not in it, nor are the rates in force: those are in the optimizer's, which is to be loaded after
  // the scheduler is made.
  StateDict state_dict() const;
  // Throws FormatError listing everything that does not fit, before anything changes.
  void load_state_dict(const StateDict& dict);

 private:
  void set_rates(Optimizer& optimizer, int64_t steps) const;

  uint64_t optimizer_;  // Optimizer::id()
  size_t first_ = 0;    // the group of the first schedule
  std::vector<LrSchedule> schedules_;
  std::vector<double> base_;  // of each schedule's group
  int64_t steps_ = 0;
};

enum class PlateauMode { Min, Max };
enum class PlateauThreshold { Relative, Absolute };

struct PlateauOptions {
  PlateauMode mode = PlateauMode::Min;  // whether a metric is better when smaller or larger
  double factor = 0.1;                  // in [0, 1)
  int64_t patience = 10;                // at least 0; steps without improvement that are let pass
  double threshold = 1e-4;              // finite, >= 0; improvements that are not larger do not count
  PlateauThreshold threshold_mode = PlateauThreshold::Relative;
  int64_t cooldown = 0;              // at least 0; steps after a reduction that do not count
  double min_lr = 0;                 // finite, >= 0
  double eps = 1e-8;                 // finite, >= 0; reductions that are not larger are left out
  std::optional<size_t> group = {};  // all groups when not given
};

// torch.optim.lr_scheduler.ReduceLROnPlateau: once a metric has not improved for more than `patience` steps, multiplies
// rates by `factor`. For any optimizer, which is given to step().
class ReduceLrOnPlateau {
 public:
  // Throws ConfigError for options out of their range.
  explicit ReduceLrOnPlateau(const PlateauOptions& options = {});

  // The metric of one validation; NaN is no improvement. Throws ConfigError where the optimizer has no such group;
  // nothing is changed then.
  void step(Optimizer& optimizer, double metric);

  // Infinite until the first improvement.
  double best() const { return best_; }

  // best (f64), bad_steps, cooldown (i64), scalars. The options are not in it.
  StateDict state_dict() const;
  // Throws FormatError listing everything that does not fit, before anything changes.
  void load_state_dict(const StateDict& dict);

 private:
  bool improves(double metric) const;

  PlateauOptions options_;
  double best_;
  int64_t bad_steps_ = 0;
  int64_t cooldown_ = 0;  // steps left of it
};

}  // namespace gossamer::optim
#pragma GCC visibility pop
