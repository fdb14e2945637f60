// RigL: growth where the gradient is largest.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "gossamer/sparse/drop_and_grow.h"

// Internal; before the pragma, so that the library does not export it.
namespace gossamer {
struct GradientSums;
}

#pragma GCC visibility push(default)
namespace gossamer::sparse {

struct RigLOptions {
  Sparsity sparsity = 0.0;          // a constant must be at least 0 and below 1
  Schedule drop_fraction = 0.3;     // share of the connections that an update drops
  UpdateSchedule update = {};       // default: every step
  int64_t balance_in_groups = 0;    // 0: none; else groups of columns with equal counts; must divide the columns
  int64_t balance_out_groups = 0;   // 0: none; else groups of rows with equal counts; must divide the rows
  double candidates = 0;            // 0: growth by the gradient. Above: by signal to noise, see below
  int64_t window = 100;             // steps before and with an update whose gradients count then, from 1 to 1,000,000
  InitMethod init_method = random;  // makes the first patterns, in the same groups
  uint64_t seed = 0;
};

// An update keeps the int((1 - drop_fraction) * nnz / groups) connections of largest magnitude of each group and grows
// max(int((1 - sparsity) * n / groups) - kept, 0) where the dense gradient is largest among the absent, those just
// dropped included. The gradient is formed block by block on update steps alone, unclipped, and summed over all
// backward passes since zero_grad(). A gradient that is not finite leaves the pattern alone. Evci et al. 2020,
// https://arxiv.org/abs/1911.11134
//
// Growth by signal to noise, for Adam (docs/accuracy.md): candidates * nnz absent connections, drawn at random
// (guided stochastic exploration, Heddes et al. 2024, https://arxiv.org/abs/2401.06898), sum up their gradients g over
// the steps of the window since the last update, and those of largest |sum g| / sqrt(sum g^2) grow: Adam's steps are in
// proportion to it (Kingma and Ba 2015, https://arxiv.org/abs/1412.6980, section 2.1). Where there are too few
// candidates, others grow at random. Memory is O(candidates * nnz); a step of the window that gathers costs a product
// at the candidates more. Steps whose gradient is not finite do not count.
class RigL final : public DropAndGrow {
 public:
  // Throws ConfigError: sparsity out of range, both kinds of groups, a negative number of them, candidates negative,
  // not finite or in groups, a window out of range.
  explicit RigL(RigLOptions options);
  explicit RigL(double sparsity) : RigL(RigLOptions{.sparsity = sparsity}) {}

  StateDict state_dict() const override;
  void load_state_dict(const StateDict& state) override;

 protected:
  TopologyChange first_change(const SparseParameter& parameter) const override;
  void complete(InitContext& context) const override;
  Groups groups(const Parameter& parameter) const override;
  std::optional<std::vector<int64_t>> grow(const SparseParameter& parameter, const PlanContext& context,
                                           const Vacancy& vacancy) const override;
  int64_t retained_steps() const override;
  void arm_taps(const std::vector<SparseParameter>& parameters, bool counts) const noexcept override;
  void end_step_of_taps(const std::vector<SparseParameter>& parameters) const noexcept override;
  std::vector<Parameter> begin(optim::Optimizer* optimizer) override;
  void prepare(optim::Optimizer* optimizer) override;
  void carry_out() noexcept override;
  void discard() noexcept override;

 private:
  // What the candidates of a parameter have gathered, with the step that is under way.
  struct Gathered {
    Parameter parameter;
    std::shared_ptr<const GradientSums> sums;  // null where no step counted
    bool finite;                               // the gradient of the step
  };
  Gathered gather(const SparseParameter& parameter, int64_t step) const;

  int64_t in_groups_;
  int64_t out_groups_;
  double candidates_;
  int64_t window_;
  std::vector<Gathered> gathered_;
};

}  // namespace gossamer::sparse
#pragma GCC visibility pop
