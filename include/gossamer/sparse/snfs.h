// SNFS: sparse networks from scratch, growth and sharing by momentum.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "gossamer/sparse/drop_and_grow.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {

struct SNFSOptions {
  Sparsity sparsity = 0.0;       // of each parameter at first; later what they all have together
  Schedule drop_fraction = 0.5;  // share of the connections that an update drops
  UpdateSchedule update = {};    // default: every step
  double momentum = 0.9;         // the weight of a gradient falls by this factor with each step; in [0, 1)
  int64_t window = 10;           // steps before and with an update whose gradients count, from 1 to 1,000,000
  bool redistribute = true;      // parameters share what grows; false: each grows what it has lost
  InitMethod init_method = random;
  uint64_t seed = 0;
};

// An update keeps the int((1 - drop_fraction) * nnz) connections of largest magnitude of each parameter. What is
// missing to the int((1 - sparsity) * n) of all parameters together is shared out in proportion to the mean |momentum|
// of their connections, and grows in each parameter where |momentum| is largest among the absent, those just dropped
// included. A parameter whose gradients are not finite keeps its pattern and takes no part. Dettmers and Zettlemoyer
// 2019, https://arxiv.org/abs/1907.04840
//
// The paper keeps the momentum of absent connections, which is dense. Here the momentum is the sum over the last
// `window` steps of momentum^age times the gradient; its factors, the inputs and output gradients of the layer, are
// retained over these steps, and the sum is formed block by block on update steps alone. Older gradients
// would have the share momentum^window of all weight. Inputs must not be written while they are retained: give each
// batch its own tensor (StateError).
class SNFS final : public DropAndGrow {
 public:
  // Throws ConfigError: a constant sparsity outside [0, 1), momentum or window out of range.
  explicit SNFS(SNFSOptions options);
  explicit SNFS(double sparsity) : SNFS(SNFSOptions{.sparsity = sparsity}) {}

  // Between the first step of a window and its update the factors retained so far are part of the state:
  //   retained.<parameter>.<i>.dy, .x   of the i-th use, oldest first; no x where the layer ran on dense weights
  //   retained.<parameter>.<i>.age      i64 scalar, steps ago
  StateDict state_dict() const override;
  void load_state_dict(const StateDict& state) override;

 protected:
  int64_t retained_steps() const override { return window_; }
  void arm_taps(const std::vector<SparseParameter>& parameters, bool counts) const noexcept override;
  void end_step_of_taps(const std::vector<SparseParameter>& parameters) const noexcept override;
  std::vector<TopologyChange> plan_all(std::span<const Planned> planned) override;
  // What moves between layers depends on their momentum.
  std::optional<End> foresee_end(const std::vector<SparseParameter>& parameters) const override;

 private:
  // Mean |momentum| of the connections; nothing where the momentum is not finite.
  std::optional<double> mean_momentum(const SparseParameter& parameter) const;

  double momentum_;
  int64_t window_;
  bool redistribute_;
};

}  // namespace gossamer::sparse
#pragma GCC visibility pop
