// DynamicSparsityAlgorithm: an algorithm that changes its patterns on the steps of an update schedule.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gossamer/sparse/algorithm.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {

// What the plan of a parameter depends on, beside the parameter.
struct PlanContext {
  float sparsity = 0;      // to aim at, in [0, 1]
  ScheduleTime time = {};  // the step being taken
  uint64_t key = 0;        // of (seed, parameter name, step): random choices keyed by it agree in a resumed run
  // The one that steps, to read its states and rates from; null in update() without an optimizer. States are those
  // before this step: optimizer->state(p.param())["exp_avg"].tensor() is one, aligned with values().
  const optim::Optimizer* optimizer = nullptr;

  // Such a state in the parameter's shape, a copy, with 0 at absent connections. StateError without an optimizer, or
  // where it keeps no such state.
  Tensor dense_state(const SparseParameter& parameter, std::string_view name) const;
};

// A parameter of an update step.
struct Planned {
  SparseParameter parameter;
  PlanContext context;
};

// A custom one overrides update_mask (dense tensors, easy to write) or plan (CSR-native). When step 0 is not an update
// step, training starts dense: with full patterns.
class DynamicSparsityAlgorithm : public SparsityAlgorithm {
 public:
  // Advances the step; on an update step plans a change for each parameter that has a finite gradient, and when all
  // plans are made applies them to values, gradients and optimizer states. A parameter whose gradient is missing or not
  // finite keeps its pattern. What a plan throws leaves everything as it was, the step included.
  void update(optim::Optimizer* optimizer = nullptr) final { SparsityAlgorithm::update(optimizer); }

  void load_state_dict(const StateDict& state) override;

  const UpdateSchedule& update_schedule() const { return update_; }

 protected:
  // Throws ConfigError for settings or an update schedule out of range.
  DynamicSparsityAlgorithm(std::string name, SparsitySettings settings, UpdateSchedule update);

  // The changes of an update step, one for each parameter in their order; one without a pattern leaves its parameter
  // alone. plan() for each unless overridden, as by algorithms that share connections out among parameters. Within
  // optimizer.step() the parameters hold their values after this step, while everything else is as before it. Runs
  // under NoGrad.
  virtual std::vector<TopologyChange> plan_all(std::span<const Planned> planned);
  // The change of one parameter. The default makes it of update_mask().
  virtual TopologyChange plan(const SparseParameter& parameter, const PlanContext& context);
  // The new mask, given the current one; both bool and of the parameter's shape (DTypeError, ShapeError). The default
  // throws StateError: a subclass overrides this, plan() or plan_all().
  virtual Tensor update_mask(const SparseParameter& parameter, const Tensor& mask, const PlanContext& context);

  // True where plan() or update_mask() calls dense_gradient(): backward then retains its factors before update steps.
  virtual bool wants_dense_gradient() const { return false; }
  // The dense gradient, summed over all uses of the parameter since zero_grad(), of earlier steps too (a copy). Where
  // zero_grad() came between all steps at first, and then stays away for more than kRetainedSteps, uses are missing
  // once (StateError).
  Tensor dense_gradient(const SparseParameter& parameter) const;
  // Calls f(row_begin, block [rows, cols]) for the blocks of the dense gradient, which is never stored whole.
  void for_each_gradient_block(const SparseParameter& parameter,
                               const std::function<void(int64_t row_begin, const Tensor& block)>& f) const;

  bool starts_dense() const override { return !update_.is_update_step(0); }
  int64_t last_update_step() const override;
  // The last update, and the connections of all parameters after it.
  struct End {
    int64_t connections;
    ScheduleTime time;
  };
  // As far as that can be told before training, of parameters whose first changes are prepared.
  virtual std::optional<End> foresee_end(const std::vector<SparseParameter>& parameters) const;
  bool plans_steps() const override { return true; }
  void prepare_adopt(std::vector<SparseParameter> parameters) override;
  void adopt() noexcept override;
  std::vector<Parameter> begin(optim::Optimizer* optimizer) override;
  void prepare(optim::Optimizer* optimizer) override;
  void carry_out() noexcept override;

  // Backward retains its factors on so many steps before an update and with it; on others only where gradients add up
  // over steps, because that keeps activations alive.
  static constexpr int64_t kRetainedSteps = 8;
  virtual int64_t retained_steps() const { return kRetainedSteps; }
  // Of the step that began, and whether the gradients of the next count for an update.
  bool is_update() const { return is_update_; }
  bool next_counts() const { return next_counts_; }
  // What becomes of retained factors when the parameters are adopted or a state is loaded, and at the end of a step.
  virtual void arm_taps(const std::vector<SparseParameter>& parameters, bool counts) const noexcept;
  virtual void end_step_of_taps(const std::vector<SparseParameter>& parameters) const noexcept;

 private:
  bool counts_after(int64_t step) const;
  void warn_about_updates(const std::vector<SparseParameter>& parameters);
  // Whether it warned that the updates leave more connections than they aim at.
  bool warn_if_short(const char* op, const std::vector<SparseParameter>& parameters, const End& end) const;

  UpdateSchedule update_;
  bool is_update_ = false;
  bool next_counts_ = false;
  bool warned_about_end_ = false;
};

}  // namespace gossamer::sparse
#pragma GCC visibility pop
