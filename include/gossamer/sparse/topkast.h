// Top-KAST: forward uses fewer connections than are trained.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "gossamer/sparse/dynamic.h"

// Internal; before the pragma, so that the library does not export it.
namespace gossamer {
class ForwardSubset;
}

#pragma GCC visibility push(default)
namespace gossamer::sparse {

struct TopKASTOptions {
  Sparsity sparsity = 0.0;          // of the connections that are stored and trained, set B
  Sparsity forward_sparsity = 0.0;  // of the connections that products use, set A; at least `sparsity`
  Schedule drop_fraction = 0.3;     // share of B outside A that an update exchanges for connections at random
  UpdateSchedule update = {};       // default: every step
  InitMethod init_method = random;  // makes the first B
  uint64_t seed = 0;
};

// A parameter stores B, of int((1 - sparsity) * n) connections, with values and optimizer states. Products in
// forward, and the gradient of their input, run on A, the int((1 - forward_sparsity) * n) of them with the largest
// magnitude; the gradient of the weight covers B. So a connection outside A costs no work in forward, learns what it
// would do, and enters A when its magnitude has grown. An update keeps A and the int((1 - drop_fraction) * (|B| - |A|))
// largest of the rest of B, fills B up with absent connections at random, and chooses A anew. Where step 0 is no update
// step, training starts dense in both. Jayakumar et al. 2021, https://arxiv.org/abs/2106.03517
//
// In the paper weights outside B keep their values in a dense array, and may come back with them. Here nothing is
// stored of them: B explores by chance, and what comes back starts at 0.
//
// Targets and hooks speak of B, the pattern of the parameter; Parameter::forward_pattern() is A. A state dict
// of the model has all of B: call finish() before saving a model for inference.
class TopKAST final : public DynamicSparsityAlgorithm {
 public:
  // Throws ConfigError for a constant sparsity outside [0, 1).
  explicit TopKAST(TopKASTOptions options);

  // forward.<parameter> says which connections are in A: bool, one for each connection of B in row-major order. Load
  // the model's state first.
  StateDict state_dict() const override;
  void load_state_dict(const StateDict& state) override;

  // The sum over all parameters of w^2 in A and w^2 / D outside, where D is the density of A: a scalar to add to the
  // loss, times a factor, so that connections outside A have to earn their magnitude.
  Tensor exploration_loss() const;

  // Makes A the whole pattern of each parameter. After the last step of training.
  void finish();

 protected:
  TopologyChange first_change(const SparseParameter& parameter) const override;
  void prepare_adopt(std::vector<SparseParameter> parameters) override;
  void adopt() noexcept override;
  std::vector<Parameter> begin(optim::Optimizer* optimizer) override;
  // Throws ConfigError where forward_sparsity is NaN or below `sparsity`.
  void prepare(optim::Optimizer* optimizer) override;
  void carry_out() noexcept override;
  void discard() noexcept override;
  TopologyChange plan(const SparseParameter& parameter, const PlanContext& context) override;

 private:
  int64_t num_forward(const SparseParameter& parameter, const ScheduleTime& time) const;
  // A of a parameter as it will be once its change is carried out; null where that is all of B.
  std::shared_ptr<const ForwardSubset> choose_forward(const SparseParameter& parameter, const ScheduleTime& time) const;
  void take_forward() noexcept;

  Sparsity forward_sparsity_;
  Schedule drop_fraction_;
  std::vector<std::pair<Parameter, std::shared_ptr<const ForwardSubset>>> chosen_;  // waiting to be taken up
};

}  // namespace gossamer::sparse
#pragma GCC visibility pop
