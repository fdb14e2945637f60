// Exponential moving averages of weights, to evaluate or save in their place.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "gossamer/parameter.h"
#include "gossamer/state_dict.h"
#include "gossamer/tensor.h"

// Internal; before the pragma, so that the library does not export it.
namespace gossamer {
struct SlotArray;
}

#pragma GCC visibility push(default)
namespace gossamer::optim {

struct EmaOptions {
  double decay = 0.999;  // in [0, 1]
  // Update number t, counted from 0, takes min(decay, (1 + t) / (10 + t)), so that the first weights are forgotten
  // soon.
  bool warm_up = false;
};

// average = decay average + (1 - decay) weight at each update(), as torch.optim.swa_utils.AveragedModel with
// get_ema_multi_avg_fn: Polyak and Juditsky 1992, https://doi.org/10.1137/0330046. The averages of a CSR parameter have
// nnz elements and follow its pattern: dropped connections go, and grown ones begin at 0, as their weights do.
//
//   optim::ExponentialMovingAverage ema(model.parameters(), {.decay = 0.999});
//   ... optimizer.step(); ema.update();
//   ema.swap();   // evaluate or save the model with the averages
//   ema.swap();   // and train on
class ExponentialMovingAverage {
 public:
  // Averages begin at the weights. Throws ConfigError for options out of their range, an empty list, an undefined
  // parameter, or one given twice.
  explicit ExponentialMovingAverage(std::vector<Parameter> params, const EmaOptions& options = {});
  ExponentialMovingAverage(const ExponentialMovingAverage&) = delete;
  ExponentialMovingAverage& operator=(const ExponentialMovingAverage&) = delete;
  ExponentialMovingAverage(ExponentialMovingAverage&&) noexcept = default;
  ExponentialMovingAverage& operator=(ExponentialMovingAverage&&) noexcept = default;

  // After each step of the optimizer. Throws StateError while the averages stand in for the weights.
  void update();
  // Weights and averages change places; a second call undoes the first. Graphs recorded before refuse backward.
  void swap();
  bool swapped() const { return swapped_; }

  // In the order given.
  const std::vector<Parameter>& params() const { return params_; }
  // The average of a parameter in its dense shape, a copy; its weights while they are swapped. Throws StateError when
  // it is not one of params().
  Tensor average(const Parameter& parameter) const;
  int64_t num_updates() const { return updates_; }
  // Bytes of all averages.
  int64_t bytes() const;

  const EmaOptions& options() const { return options_; }

  // average.<parameter>           row-major: [nnz] where the parameter is CSR, else its shape
  // average.<parameter>.pattern   i64 scalar, a fingerprint of the pattern; only where it is CSR
  // updates                       i64 scalar
  // Tensors are copies. Throws StateError unless all parameters have names that differ, and while swapped.
  StateDict state_dict() const;
  // Takes up a state_dict(); the model's own state must be loaded before. Throws FormatError listing everything that
  // does not fit, before anything changes, and StateError while swapped.
  void load_state_dict(const StateDict& dict);

 private:
  void check_not_swapped(const char* op) const;

  EmaOptions options_;
  std::vector<Parameter> params_;
  std::vector<std::shared_ptr<SlotArray>> averages_;  // aligned with the values of each
  int64_t updates_ = 0;
  bool swapped_ = false;
};

}  // namespace gossamer::optim
#pragma GCC visibility pop
