// What all sparsity algorithms share: the parameters they own, their steps, and how they meet models and optimizers.
//
// The interface follows cerebras.pytorch.sparse:
//   model.apply(sparsity);        matching parameters become CSR
//   optimizer.apply(sparsity);    every optimizer.step() is followed by
//   sparsity.update(&optimizer)
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gossamer/parameter.h"
#include "gossamer/sparse/schedule.h"

namespace gossamer::optim {
class Optimizer;
}

namespace gossamer::sparse {

// A parameter as an algorithm sees it. A shared handle.
class SparseParameter {
 public:
  SparseParameter(std::string name, Parameter parameter) : name_(std::move(name)), parameter_(std::move(parameter)) {}

  // The name under which the algorithm was applied ("fc1.weight"): part of every random key.
  const std::string& name() const { return name_; }
  const Parameter& param() const { return parameter_; }

  Tensor data() const { return parameter_.dense(); }  // dense copy
  Tensor mask() const { return parameter_.mask(); }   // dense copy
  const std::shared_ptr<const CsrPattern>& pattern() const { return parameter_.pattern(); }
  Tensor values() const { return parameter_.values(); }

  // Makes the pattern the nonzeros of a boolean tensor of the parameter's shape (ShapeError, DTypeError).
  void set_mask(const Tensor& mask) const;
  void apply(const TopologyChange& change) const { parameter_.apply(change); }

 private:
  std::string name_;
  Parameter parameter_;
};

// What is known when a parameter gets its first pattern.
struct InitContext {
  const SparseParameter& parameter;
  float sparsity;  // in [0, 1)
  uint64_t key;    // of (seed, name, step 0)
};

// Makes the first pattern of a parameter that is dense so far.
using InitMethod = std::function<std::shared_ptr<const CsrPattern>(const InitContext&)>;

// Keeps int((1 - s) * n) connections chosen at random without replacement, in O(nnz). The default.
InitMethod random_init();

// Number of connections that are kept: int((1 - sparsity) * n), each operation in float32 as in the original.
int64_t num_kept(float sparsity, int64_t n);

// Base of all algorithms. Movable; model, optimizer and algorithm may be moved and destroyed in any order (an optimizer
// whose algorithm is gone simply steps).
class SparsityAlgorithm {
 public:
  virtual ~SparsityAlgorithm();
  SparsityAlgorithm(SparsityAlgorithm&& other) noexcept;
  SparsityAlgorithm& operator=(SparsityAlgorithm&& other) noexcept;

  // Makes the given parameters CSR, those with requires_dense excepted. A parameter that is CSR already keeps its
  // pattern as the start. Module::apply calls this. Throws ConfigError for a name that comes twice; StateError for a
  // parameter that another algorithm has. A second application changes nothing and warns through the log callback.
  void apply(const std::vector<Parameter>& parameters);

  // From here on optimizer.step() ends with update(&optimizer), unless autoupdate is off. Throws StateError before
  // apply(parameters), or when one of the parameters belongs to another optimizer already; ConfigError when the
  // optimizer has none of them. A second application of the same optimizer warns. Optimizer::apply calls this.
  void apply(optim::Optimizer& optimizer);

  // In the order of registration.
  virtual const std::vector<SparseParameter>& sparse_params() const { return sparse_params_; }
  // Those among the given parameters.
  std::vector<SparseParameter> get_sparse_params(const std::vector<Parameter>& parameters) const;
  int64_t num_sparse_params() const { return static_cast<int64_t>(sparse_params().size()); }

  // Whether optimizer.step() calls update(); true unless set otherwise.
  bool autoupdate() const { return autoupdate_; }
  void set_autoupdate(bool autoupdate) { autoupdate_ = autoupdate; }

  // One step of the algorithm for the parameters of `optimizer`. Null means the only attached optimizer, or all
  // parameters where none is attached; with several attached it throws StateError.
  virtual void update(optim::Optimizer* optimizer = nullptr) = 0;

  // The sparsity that the algorithm aims at for a parameter now.
  virtual float target_sparsity(const SparseParameter& parameter) const = 0;

 protected:
  SparsityAlgorithm();

  // Those of the parameters that the algorithm wants; all of them unless overridden.
  virtual std::vector<SparseParameter> select(std::vector<SparseParameter> parameters) const { return parameters; }
  // The change that makes a parameter CSR, or one without a pattern where it stays as it is. Throws where the algorithm
  // cannot take the parameter. All first changes are made before any is carried out.
  virtual TopologyChange first_change(const SparseParameter& parameter) const = 0;
  // The parameters are the algorithm's from here on, their first changes carried out.
  virtual void adopt(std::vector<SparseParameter> parameters);
  // The optimizer will call update(); a Group hands this on. `alive` expires with the optimizer.
  virtual void attach(optim::Optimizer& optimizer, const std::weak_ptr<const void>& alive);
  bool applied() const { return applied_; }

  friend class Group;

  // Steps are counted for each attached optimizer by itself; key 0 stands for "no optimizer".
  struct Attachment {
    ScheduleTime time;
    std::vector<SparseParameter> parameters;
    std::weak_ptr<const void> alive = {};  // expired once the optimizer is gone
  };
  // The attachment that update(optimizer) means.
  Attachment& attachment(optim::Optimizer* optimizer);
  // The attachment that a parameter belongs to; null where there is none.
  const Attachment* attachment_of(const SparseParameter& parameter) const;

 private:
  struct Anchor;

  // Nobody is left to take what backward would retain.
  void release_taps() noexcept;

  std::shared_ptr<Anchor> anchor_;     // lets optimizers find the algorithm after it was moved, and see that it is gone
  std::shared_ptr<const void> claim_;  // marks the parameters as this algorithm's for as long as it lives
  std::vector<SparseParameter> sparse_params_;
  std::map<uint64_t, Attachment> attachments_;
  bool applied_ = false;
  bool autoupdate_ = true;
};

// Settings of an algorithm that gives each of its parameters one pattern at a time.
struct PatternSettings {
  Schedule sparsity = 0.0;
  InitMethod init_method = {};  // empty: random_init()
  uint64_t seed = 0;            // everything random is keyed by (seed, parameter name, step)
};

// An algorithm with one sparsity schedule for its parameters and an initial pattern.
class PatternAlgorithm : public SparsityAlgorithm {
 public:
  float target_sparsity(const SparseParameter& parameter) const override;

 protected:
  // Throws ConfigError when a constant sparsity is below 0 or not below 1; `name` begins the message.
  PatternAlgorithm(const char* name, PatternSettings settings);

  TopologyChange first_change(const SparseParameter& parameter) const override;
  // Whether the first pattern is full because training starts dense.
  virtual bool starts_dense() const { return false; }

  const PatternSettings& settings() const { return settings_; }

 private:
  PatternSettings settings_;
};

// An algorithm that changes its patterns on the steps of an update schedule. A custom one overrides update_mask (dense
// tensors, easy to write) or plan (CSR-native).
class DynamicSparsityAlgorithm : public PatternAlgorithm {
 public:
  // Advances the step; on an update step plans a change for each parameter that has a finite gradient, and applies it
  // to values, gradient and optimizer states. A parameter whose gradient is missing or not finite keeps its pattern.
  void update(optim::Optimizer* optimizer = nullptr) override;

  const UpdateSchedule& update_schedule() const { return update_; }

 protected:
  DynamicSparsityAlgorithm(const char* name, PatternSettings settings, UpdateSchedule update);

  // Called before the plans of an update step with the parameters that are to be planned, in their order, and the
  // sparsity of each: for algorithms that share connections out among parameters. Does nothing unless overridden.
  virtual void begin_update(const std::vector<SparseParameter>&, const std::vector<float>& /*sparsities*/) {}
  // The change of one parameter for a sparsity in [0, 1]. A change without a pattern leaves the parameter alone.
  virtual TopologyChange plan(const SparseParameter& parameter, float sparsity);
  // The new mask, given the current one; both of the parameter's shape. The default throws StateError: a subclass
  // overrides this or plan().
  virtual Tensor update_mask(const SparseParameter& parameter, const Tensor& mask, float sparsity);

  // True where plan() or update_mask() calls dense_gradient(): backward then retains its factors before update steps.
  virtual bool wants_dense_gradient() const { return false; }
  // The dense gradient of this step, summed over all uses of the parameter since zero_grad() (a copy).
  Tensor dense_gradient(const SparseParameter& parameter) const;
  // Calls f(row_begin, block [rows, cols]) for the blocks of the dense gradient, which is never stored whole.
  void for_each_gradient_block(const SparseParameter& parameter,
                               const std::function<void(int64_t row_begin, const Tensor& block)>& f) const;

  // During plan(): the step, and a key of (seed, parameter name, step).
  const ScheduleTime& time() const { return time_; }
  uint64_t key(const SparseParameter& parameter) const;

  void adopt(std::vector<SparseParameter> parameters) override;
  bool starts_dense() const override { return !update_.is_update_step(0); }

 private:
  void arm_taps(const Attachment& attachment) const;

  UpdateSchedule update_;
  ScheduleTime time_;
};

}  // namespace gossamer::sparse
