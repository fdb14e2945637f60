// What all sparsity algorithms share: the parameters they own, their steps, and how they meet models and optimizers.
//
// The interface follows cerebras.pytorch.sparse:
//   model.apply(sparsity);        matching parameters become CSR
//   optimizer.apply(sparsity);    every optimizer.step() is followed by sparsity.update(&optimizer)
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gossamer/parameter.h"
#include "gossamer/sparse/hooks.h"
#include "gossamer/sparse/init_method.h"
#include "gossamer/sparse/schedule.h"
#include "gossamer/sparse/sparse_parameter.h"
#include "gossamer/sparse/sparsity.h"
#include "gossamer/state_dict.h"

// Internal; before the pragma, so that the library does not export them.
namespace gossamer {
class PreparedChange;
class StepWatcher;
}  // namespace gossamer

#pragma GCC visibility push(default)
namespace gossamer::optim {
class Optimizer;
}

namespace gossamer::sparse {

// Settings that every algorithm has.
struct SparsitySettings {
  Sparsity sparsity = 0.0;          // a constant must be at least 0 and below 1, what a schedule names from 0 to 1
  InitMethod init_method = random;  // makes the first patterns
  uint64_t seed = 0;                // everything random is keyed by (seed, parameter name, step)
};

using AlgorithmState = StateDict;

// Base of all algorithms; by itself it keeps the first patterns. Movable (what was moved from may only be destroyed or
// assigned to); model, optimizer and algorithm may be moved and destroyed in any order. An optimizer whose algorithm is
// gone steps without it, and warns where that had updates to come: keep it as long as the optimizer.
//
// A custom algorithm overrides update() and sets masks,
//
//   void update(optim::Optimizer* optimizer) override {
//     for (const SparseParameter& p : sparse_params()) p.set_mask(...);
//     SparsityAlgorithm::update(optimizer);  // counts the step, calls the hooks
//   }
//
// or derives from DynamicSparsityAlgorithm, which knows update steps and plans them. optimizer.step() is done or not
// done with either; where update() is overridden it copies values and states for that, on every step.
class SparsityAlgorithm {
 public:
  virtual ~SparsityAlgorithm();
  SparsityAlgorithm(SparsityAlgorithm&& other) noexcept;
  SparsityAlgorithm& operator=(SparsityAlgorithm&& other) noexcept;

  // What messages call it: "RigL".
  const std::string& name() const { return name_; }

  // Makes the given parameters CSR, those with requires_dense excepted. A parameter that is CSR already keeps its
  // pattern as the start. Module::apply calls this. Throws ConfigError for a name that comes twice or a parameter that
  // has no sparsity; StateError for a parameter that another algorithm has, or when the algorithm was applied to
  // another model. Warns when no parameter is left to be sparse, when parameters of rank 1 come without a Group, when a
  // name or glob of the sparsity is none of a parameter, and once, at the second step of an optimizer, where patterns
  // stay as they are because apply(optimizer) was forgotten. A second application to the same model changes nothing and
  // warns.
  void apply(const std::vector<Parameter>& parameters);

  // From here on optimizer.step() ends with update(&optimizer), unless autoupdate is off. Throws StateError before
  // apply(parameters), or when one of the parameters belongs to another optimizer already; ConfigError when the
  // optimizer has none of them. A second application of the same optimizer warns. Optimizer::apply calls this.
  void apply(optim::Optimizer& optimizer);

  // Makes the first pattern of every parameter that is dense, from its values as they are now. apply(parameters) has
  // done so; calling it again is for parameters that were made dense since, by Parameter::assign. StateError before.
  void initialize();

  // In the order of registration.
  const std::vector<SparseParameter>& sparse_params() const { return sparse_params_; }
  int64_t num_sparse_params() const { return static_cast<int64_t>(sparse_params().size()); }
  // Those among the given parameters, of an optimizer, or of anything that has parameters(), such as a module.
  std::vector<SparseParameter> get_sparse_params(const std::vector<Parameter>& parameters) const;
  std::vector<SparseParameter> get_sparse_params(const optim::Optimizer& optimizer) const;
  template <class Owner>
  requires requires(const Owner& owner) {
    { owner.parameters() } -> std::convertible_to<std::vector<Parameter>>;
  }
  std::vector<SparseParameter> get_sparse_params(const Owner& owner) const {
    return get_sparse_params(owner.parameters());
  }
  // The one that stands for a parameter, if the algorithm has it.
  std::optional<SparseParameter> get_sparse_param(const Parameter& parameter) const;

  // How sparse the parameters are to be. A Group has none of its own (StateError): its algorithms have.
  virtual const Sparsity& sparsity() const { return settings_.sparsity; }
  const InitMethod& init_method() const { return settings_.init_method; }
  // The sparsity that the algorithm aims at for a parameter now, in [0, 1]. ConfigError where the parameter has none.
  virtual float target_sparsity(const SparseParameter& parameter) const;

  // Whether optimizer.step() calls update(); true unless set otherwise.
  bool autoupdate() const { return autoupdate_; }
  void set_autoupdate(bool autoupdate);

  // How products with the algorithm's parameters are computed, from the application to the model on; each parameter
  // keeps its own setting unless set.
  void set_execution(Execution execution) { execution_ = execution; }

  // One step of the algorithm for the parameters of `optimizer`. Null means the only attached optimizer, or all
  // parameters where none is attached; with several attached it throws StateError. The base counts the step and calls
  // the hooks. What the algorithms of this library throw has changed nothing.
  virtual void update(optim::Optimizer* optimizer = nullptr);

  // The hook is called at every update() with the sparsity that this step aims at: once for each schedule, `name` being
  // what the names of its parameters begin with and a *. Hooks are called when the step is planned and nothing else can
  // fail, before it is carried out: what one throws leaves the step undone. They may look at everything, remove
  // themselves and register others; changing a pattern or calling step() is a StateError.
  virtual RemovableHandle register_target_sparsity_hook(SparsityHook hook);
  // The hook is called at every update(), after those for the target, for each parameter with the sparsity that its
  // pattern has after this step.
  virtual RemovableHandle register_computed_sparsity_hook(SparsityHook hook);

  // What a resumed run needs besides the settings and the model's own state dict, which has the patterns:
  //   optimizers.<i>.step, .updates   i64 scalars: steps taken, and how many of them were update steps; i counts the
  //                                   attached optimizers in the order in which they were applied, 0 where none is
  //   algorithm, parameters           texts as bytes, i32: name() and the names of the parameters, a line each
  // Every schedule is a function of the two, so there is nothing else to save.
  virtual StateDict state_dict() const;
  // Takes up a state_dict(), after the algorithm was applied to the model and to its optimizers (StateError before the
  // model). A state of one optimizer may also come before that optimizer is applied. Throws FormatError listing
  // everything that does not fit, before anything changes: the state of another algorithm, or of one with other
  // parameters, too. Either text may be missing, as in states of early versions.
  virtual void load_state_dict(const StateDict& state);

 protected:
  // Throws ConfigError when a constant sparsity is below 0 or not below 1, or a schedule names a value outside [0, 1]
  // (a line may begin below 0); `name` begins the message.
  SparsityAlgorithm(std::string name, SparsitySettings settings);

  const SparsitySettings& settings() const { return settings_; }

  // Those of the parameters that the algorithm wants; all of them unless overridden.
  virtual std::vector<SparseParameter> select(std::vector<SparseParameter> parameters) const { return parameters; }
  // Whether the application chose the parameters, as by the filters of a Group.
  virtual bool has_filters() const { return false; }
  // The change that makes a parameter CSR, or one without a pattern where it stays as it is. Throws where the algorithm
  // cannot take the parameter. All first changes are made before any is carried out.
  virtual TopologyChange first_change(const SparseParameter& parameter) const;
  // Completes what init_method is asked for.
  virtual void complete(InitContext&) const {}
  // Whether the first pattern is full because training starts dense.
  virtual bool starts_dense() const { return false; }
  // Whether the pattern of a parameter changes in the steps of an optimizer, so that one is to be attached.
  virtual bool needs_optimizer(const SparseParameter&) const { return true; }
  // Whether an algorithm without parameters is what was asked for.
  virtual bool may_be_empty() const { return false; }
  bool applied() const { return applied_; }
  // The last step on which patterns may change, below 1 where none may.
  virtual int64_t last_update_step() const;
  // Warns where a name or a glob of `sparsity`, an option called `what`, takes none of the parameters.
  void warn_about_names(std::string_view what, const Sparsity& sparsity,
                        const std::vector<SparseParameter>& parameters) const;

  // Both meetings and every step have two halves: all that may throw, and what is left.
  // The parameters are going to be the algorithm's; their first changes are prepared.
  virtual void prepare_adopt(std::vector<SparseParameter> parameters);
  virtual void adopt() noexcept;
  // The optimizer is going to call update(); a Group hands this on. `alive` expires with the optimizer.
  virtual void prepare_attach(optim::Optimizer& optimizer, const std::weak_ptr<const void>& alive);
  virtual void attach() noexcept;

  // Whether begin(), prepare(), announce() and carry_out() make up update(), as they do in the library's algorithms.
  virtual bool plans_steps() const { return false; }
  // The parameters whose values prepare() is going to read: inside optimizer.step() they show those after this step.
  virtual std::vector<Parameter> begin(optim::Optimizer* optimizer);
  virtual void prepare(optim::Optimizer* optimizer);
  // Calls the hooks. Throws StateError where one of them changed a pattern.
  virtual void announce();
  virtual void carry_out() noexcept;
  virtual void discard() noexcept;
  // What optimizer.step() calls of an algorithm that does not plan its steps.
  virtual void run(optim::Optimizer* optimizer) { update(optimizer); }

  friend class Group;

  // Steps are counted for each attached optimizer by itself.
  struct Attachment {
    uint64_t optimizer = 0;  // its id; 0 stands for "no optimizer"
    ScheduleTime time = {};
    std::vector<SparseParameter> parameters = {};
    std::weak_ptr<const void> alive = {};  // expired once the optimizer is gone
  };
  // The attachment that update(optimizer) means.
  Attachment& attachment(optim::Optimizer* optimizer);
  // The attachment that a parameter belongs to; null where there is none.
  const Attachment* attachment_of(const SparseParameter& parameter) const;
  const std::vector<Attachment>& attachments() const { return attachments_; }

  // The sparsity of a parameter at a time, in [0, 1]; ConfigError when the schedule gives NaN.
  float sparsity_at(const SparseParameter& parameter, const ScheduleTime& time) const;
  // What the hooks for the target are to be told; empty where there are none.
  std::vector<std::pair<std::string, float>> targets(const Attachment& attachment, const ScheduleTime& time) const;

  // The step that begin() began.
  struct Step {
    uint64_t optimizer = 0;
    ScheduleTime time = {};        // of the step
    ScheduleTime time_after = {};  // once it is taken
    std::vector<std::pair<std::string, float>> targets = {};
    std::vector<std::pair<std::string, float>> computed = {};
  };
  bool step_began() const { return step_.has_value(); }
  Step& current_step() { return *step_; }
  // The attachment of the step; cannot fail in one that began.
  Attachment& step_attachment() noexcept;

  // Changes that are prepared and wait to be carried out, and what a parameter will be afterwards.
  void prepare_changes(std::vector<std::pair<SparseParameter, TopologyChange>> changes);
  void carry_out_changes() noexcept;
  struct Future {
    std::shared_ptr<const CsrPattern> pattern;
    Tensor values;
  };
  Future future_of(const Parameter& parameter) const;
  // Null where its pattern stays.
  const PreparedChange* change_of(const Parameter& parameter) const;

  // Times, retained factors and forward patterns of this algorithm (of a Group: of its algorithms) as they are.
  class Saved;
  virtual std::vector<SparsityAlgorithm*> members() { return {this}; }

 private:
  struct Anchor;
  class Follower;

  void check_applied(const char* op) const;
  void warn_about_rank_one(const std::vector<SparseParameter>& parameters) const;
  // Optimizers find nobody here any more.
  void leave() noexcept;
  void prepare_first_changes(const std::vector<SparseParameter>& parameters);
  // Backward stops retaining factors for this algorithm.
  void release_taps() noexcept;

  std::string name_;
  SparsitySettings settings_;
  std::shared_ptr<Anchor> anchor_;     // lets optimizers find the algorithm after it was moved, and see that it is gone
  std::shared_ptr<const void> claim_;  // marks the parameters as this algorithm's for as long as it lives
  std::shared_ptr<StepWatcher> unattached_;  // of the parameters that need an optimizer and have none
  std::shared_ptr<HookList> target_hooks_;
  std::shared_ptr<HookList> computed_hooks_;
  std::vector<SparseParameter> sparse_params_;
  std::vector<Attachment> attachments_;  // in the order of application
  std::vector<SparseParameter> adopting_;
  std::vector<SparseParameter> requires_dense_;  // of the model, during apply()
  std::vector<Attachment> attaching_;
  std::optional<Step> step_;
  std::shared_ptr<std::vector<PreparedChange>> changes_;  // a Group shares its own with its algorithms
  bool applied_ = false;
  bool autoupdate_ = true;
  std::optional<Execution> execution_;
};

}  // namespace gossamer::sparse
#pragma GCC visibility pop
