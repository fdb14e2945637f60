// DynamicSparsityAlgorithm: an algorithm that changes its patterns on the steps of an update schedule.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/sparse/algorithm.h"

namespace gossamer::sparse {

// What the plan of a parameter depends on, beside the parameter.
struct PlanContext {
  float sparsity = 0;      // to aim at, in [0, 1]
  ScheduleTime time = {};  // the step being taken
  uint64_t key = 0;        // of (seed, parameter name, step): random choices keyed by it agree in a resumed run
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
  void update(optim::Optimizer* optimizer = nullptr) override;

  void load_state_dict(const StateDict& state) override;

  const UpdateSchedule& update_schedule() const { return update_; }

 protected:
  // Throws ConfigError for settings or an update schedule out of range.
  DynamicSparsityAlgorithm(std::string name, SparsitySettings settings, UpdateSchedule update);

  // The changes of an update step, one for each parameter in their order; one without a pattern leaves its parameter
  // alone. plan() for each unless overridden, as by algorithms that share connections out among parameters.
  virtual std::vector<TopologyChange> plan_all(std::span<const Planned> planned);
  // The change of one parameter. The default makes it of update_mask().
  virtual TopologyChange plan(const SparseParameter& parameter, const PlanContext& context);
  // The new mask, given the current one; both of the parameter's shape. The default throws StateError: a subclass
  // overrides this, plan() or plan_all().
  virtual Tensor update_mask(const SparseParameter& parameter, const Tensor& mask, const PlanContext& context);

  // True where plan() or update_mask() calls dense_gradient(): backward then retains its factors before update steps.
  virtual bool wants_dense_gradient() const { return false; }
  // The dense gradient of this step, summed over all uses of the parameter since zero_grad() (a copy).
  Tensor dense_gradient(const SparseParameter& parameter) const;
  // Calls f(row_begin, block [rows, cols]) for the blocks of the dense gradient, which is never stored whole.
  void for_each_gradient_block(const SparseParameter& parameter,
                               const std::function<void(int64_t row_begin, const Tensor& block)>& f) const;

  void adopt(std::vector<SparseParameter> parameters) override;
  bool starts_dense() const override { return !update_.is_update_step(0); }
  void prepare(optim::Optimizer* optimizer) override;
  void discard() noexcept override { prepared_.reset(); }

 private:
  // A step that only needs to be carried out.
  struct Prepared {
    ScheduleTime time_after;
    std::vector<std::pair<SparseParameter, TopologyChange>> changes;
    std::vector<std::pair<std::string, float>> targets;
  };

  void arm_taps(const Attachment& attachment) const;

  UpdateSchedule update_;
  std::optional<Prepared> prepared_;
};

}  // namespace gossamer::sparse
