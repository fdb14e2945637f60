// Optimizer: what all update rules share. A rule works on flat arrays and knows nothing of sparsity: those of a CSR
// parameter simply have nnz elements.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/parameter.h"
#include "gossamer/state_dict.h"
#include "gossamer/tensor.h"

// Internals; before the pragma, so that the library does not export them.
namespace gossamer::optim {
struct ParameterRecord;  // a parameter with its states and its number of updates
struct OptimizerAccess;
class StepFollower;  // what takes part in every step, such as a sparsity algorithm
}  // namespace gossamer::optim

#pragma GCC visibility push(default)
namespace gossamer::optim {

// One state of one parameter, such as its "exp_avg". A handle: stays valid as long as it is kept.
class State {
 public:
  // The elements, aligned with Parameter::values(); in the parameter's shape when requires_dense. Writing them changes
  // the state. A step that changes the pattern and load_state_dict() replace the tensor.
  Tensor tensor() const;
  operator Tensor() const { return tensor(); }

  // A state with requires_dense keeps the parameter's dense shape and is not pruned: at dead connections it sees a
  // gradient of 0, and a connection that grows takes up the state it finds. The step then needs dense scratch of the
  // size of the parameter. May be changed at any time. False unless set.
  bool requires_dense() const;
  void set_requires_dense(bool requires_dense = true) const;

 private:
  friend class ParameterState;
  State(std::shared_ptr<ParameterRecord> record, size_t index) : record_(std::move(record)), index_(index) {}

  std::shared_ptr<ParameterRecord> record_;
  size_t index_;
};

// The states of one parameter, by name.
class ParameterState {
 public:
  // Throws StateError listing the names that exist.
  State operator[](std::string_view name) const;
  std::vector<std::string> names() const;
  // Updates of this parameter so far; steps where it had no gradient do not count.
  int64_t step() const;

 private:
  friend class Optimizer;
  explicit ParameterState(std::shared_ptr<ParameterRecord> record) : record_(std::move(record)) {}

  std::shared_ptr<ParameterRecord> record_;
};

// One parameter in one step, as a rule sees it: arrays of one length and one dtype (f32 or f64).
struct ParameterUpdate {
  int64_t step;                // 1 at the first update of the parameter
  Tensor values;               // written through mutable_data
  Tensor grad;                 // read only
  std::vector<Tensor> states;  // in the order of the rule's state_names; written through mutable_data
  // The parameter's own shape, for rules that look at rows and columns (factored moments, orthogonalized updates).
  // Where values.numel() == shape.numel() the arrays are its elements, row-major. Where they are fewer, the parameter
  // is CSR and they hold its nonzeros in slot order, which is unspecified: such a rule then updates element by element,
  // or throws StateError.
  Shape shape;
};

// Movable, not copyable; a moved-from optimizer may only be destroyed or assigned to. Optimizer, parameters and
// sparsity algorithms may be destroyed in any order.
//
// States exist from the construction on and start at zero. Their memory is taken when a parameter is first updated (or
// a state first asked for), so that a model made sparse after the construction never pays for dense states.
class Optimizer {
 public:
  virtual ~Optimizer();
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // Updates every parameter that has a gradient; the others are left alone, weight decay included. Gradients are never
  // edited. With .skip_nonfinite in the options of any group, a NaN or infinity in any gradient skips the update of all
  // parameters. Then sparsity algorithms change patterns, and the functions given to after_step are called, skipped
  // update or not.
  //
  // A step is done or not done: what it throws (ConfigError for options out of their range, std::bad_alloc, whatever a
  // callback throws) has changed nothing. All of it is planned, and its memory taken, before the first weight moves.
  // Where code of the application may throw after that (a rule whose update is not noexcept, a function given to
  // after_step that is not, a sparsity algorithm that overrides update()), each step copies values and states first.
  void step();
  // Drops the gradients.
  void zero_grad();

  // In the order in which they were added.
  std::vector<Parameter> params() const;
  // Throws StateError when the parameter is not one of params().
  ParameterState state(const Parameter& parameter) const;
  // Bytes of all states held.
  int64_t state_bytes() const;

  virtual size_t num_param_groups() const = 0;
  // The learning rate of a group, whatever the rule. Throw ConfigError when there is no such group; set_lr also when lr
  // is negative or not finite.
  virtual double lr(size_t group) const = 0;
  virtual void set_lr(size_t group, double lr) = 0;

  // Differs between all optimizers of the process, is never 0, and moves with the optimizer.
  uint64_t id() const { return id_; }

  // From here on step() ends with algorithm.update(this), for a sparsity algorithm: see
  // sparse::SparsityAlgorithm::apply. StateError when the algorithm was not applied to the model before.
  template <class Algorithm>
  void apply(Algorithm& algorithm) {
    algorithm.apply(*this);
  }
  // Calls f(optimizer) at the end of every step(), after those given before. What f throws undoes the step, for which
  // each step copies values and states unless f is noexcept. f must call neither after_step nor step. ConfigError for
  // an empty function.
  template <std::invocable<Optimizer&> F = std::function<void(Optimizer&)>>
  void after_step(F f) {
    add_after_step(std::move(f), !std::is_nothrow_invocable_v<F&, Optimizer&>);
  }

  // All that a resumed run needs for the same bits, besides the options and the model:
  //   state.<parameter>.<name>     the state in row-major order: [nnz] where the parameter is CSR (and the state is not
  //                                requires_dense), else the shape of the parameter; none before the first update
  //   state.<parameter>.step       i64 scalar, the number of updates
  //   state.<parameter>.pattern    i64 scalar, a fingerprint of the pattern; only where the parameter is CSR
  //   param_groups.<index>.lr      f64 scalar
  // Tensors are copies. Throws StateError unless all parameters have names that differ.
  StateDict state_dict() const;
  // Takes up a state_dict(); the model's own state must be loaded before, since states belong to a pattern. Throws
  // FormatError listing everything that does not fit, before anything changes.
  void load_state_dict(const StateDict& dict);

 protected:
  Optimizer();
  Optimizer(Optimizer&&) noexcept;
  Optimizer& operator=(Optimizer&&) noexcept;

  // Throws ConfigError for an empty list, an undefined parameter, or one given before; nothing is added then.
  void add_parameters(size_t group, const std::vector<Parameter>& parameters, const std::vector<std::string>& states);
  void check_group(size_t group) const;

 private:
  friend struct OptimizerAccess;
  class Step;
  struct AfterStep {
    std::function<void(Optimizer&)> f;
    bool may_throw;
  };

  virtual std::string_view rule_name() const = 0;
  virtual bool rule_may_throw() const = 0;
  virtual void check_options() const = 0;
  virtual bool skip_nonfinite() const = 0;
  virtual std::vector<std::string> state_names(size_t group) const = 0;
  virtual void apply_rule(size_t group, ParameterUpdate& update) const = 0;

  // Options may have changed since: amsgrad turned on later needs one state more.
  void declare_states(ParameterRecord& record) const;
  void add_after_step(std::function<void(Optimizer&)> f, bool may_throw);

  uint64_t id_;
  std::vector<std::shared_ptr<ParameterRecord>> records_;
  std::unordered_map<const void*, size_t> index_;  // of Parameter::id() in records_
  std::vector<std::shared_ptr<StepFollower>> followers_;
  std::vector<AfterStep> after_step_;
  bool stepping_ = false;
};

// Parameters that share options. The options may be changed between steps.
template <class Options>
class ParamGroup {
 public:
  ParamGroup(std::vector<Parameter> params, const Options& options_) : options(options_), params_(std::move(params)) {}

  const std::vector<Parameter>& params() const { return params_; }

  Options options;

 private:
  std::vector<Parameter> params_;
};

// An optimizer made of a rule, which is a struct without data members:
//
//   struct MyRule {
//     using Options = MyOptions;                     // an aggregate with `double lr` and `bool skip_nonfinite`
//     static constexpr std::string_view kName = "MyRule";
//     static void check(const Options& options);     // throws ConfigError; takes every finite lr >= 0
//     static std::vector<std::string> state_names(const Options& options);  // not "step" or "pattern"
//     static void update(const Options& options, ParameterUpdate& update) noexcept;
//   };
//   using My = RuleOptimizer<MyRule>;
//
// update must depend on its arguments alone: on steps that change patterns it also runs on copies, to tell the values
// that patterns are planned from. It need not be noexcept, but see Optimizer::step.
template <class Rule>
class RuleOptimizer final : public Optimizer {
 public:
  using Options = typename Rule::Options;
  using Group = ParamGroup<Options>;

  // Throw ConfigError for options out of their range, an empty list, an undefined parameter, or one given twice.
  explicit RuleOptimizer(std::vector<Parameter> params, const Options& options = {}) {
    add_param_group(Group(std::move(params), options));
  }
  explicit RuleOptimizer(const std::vector<Group>& groups) {
    if (groups.empty()) add_parameters(0, {}, {});  // throws the error of an empty list
    for (const Group& group : groups) add_param_group(group);
  }

  // In the order in which they were added; change their options between steps.
  std::span<Group> param_groups() { return groups_; }
  std::span<const Group> param_groups() const { return groups_; }
  // Throws as the constructors do, and changes nothing then. Invalidates what param_groups() returned before.
  void add_param_group(Group group) {
    Rule::check(group.options);
    groups_.reserve(groups_.size() + 1);
    add_parameters(groups_.size(), group.params(), Rule::state_names(group.options));
    groups_.push_back(std::move(group));
  }

  size_t num_param_groups() const override { return groups_.size(); }
  double lr(size_t group) const override {
    check_group(group);
    return groups_[group].options.lr;
  }
  void set_lr(size_t group, double lr) override {
    check_group(group);
    Options options = groups_[group].options;
    options.lr = lr;
    Rule::check(options);
    groups_[group].options = options;
  }

 private:
  std::string_view rule_name() const override { return Rule::kName; }
  bool rule_may_throw() const override {
    return !noexcept(Rule::update(std::declval<const Options&>(), std::declval<ParameterUpdate&>()));
  }
  void check_options() const override {
    for (const Group& group : groups_) Rule::check(group.options);
  }
  bool skip_nonfinite() const override {
    for (const Group& group : groups_) {
      if (group.options.skip_nonfinite) return true;
    }
    return false;
  }
  std::vector<std::string> state_names(size_t group) const override {
    return Rule::state_names(groups_[group].options);
  }
  void apply_rule(size_t group, ParameterUpdate& update) const override {
    Rule::update(groups_[group].options, update);
  }

  std::vector<Group> groups_;
};

}  // namespace gossamer::optim
#pragma GCC visibility pop
