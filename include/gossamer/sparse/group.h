// Group: different algorithms for different parameters.
#pragma once

#include <concepts>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gossamer/glob.h"
#include "gossamer/sparse/algorithm.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {

using gossamer::glob_match;

// Which parameters an entry of a Group takes: those that match a glob, one of several globs, or a predicate.
class ParameterFilter {
 public:
  using Predicate = std::function<bool(const std::string& name, const Parameter& parameter)>;

  ParameterFilter(const char* glob);  // NOLINT: ConfigError for a null pointer
  ParameterFilter(std::string glob) : ParameterFilter(std::vector<std::string>{std::move(glob)}) {}  // NOLINT
  ParameterFilter(std::initializer_list<std::string> globs) : ParameterFilter(std::vector<std::string>(globs)) {}
  ParameterFilter(std::vector<std::string> globs);  // NOLINT
  // Throws ConfigError for an empty function.
  template <std::convertible_to<Predicate> F>
  requires std::invocable<F, const std::string&, const Parameter&> ParameterFilter(F predicate)  // NOLINT
      : ParameterFilter(Checked{}, std::move(predicate)) {}

  bool operator()(const SparseParameter& p) const { return predicate_(p.name(), p.param()); }

  // For messages: "'fc1.*', 'fc2.*'", "a predicate".
  const std::string& describe() const { return description_; }
  // None where it is a predicate.
  const std::vector<std::string>& globs() const { return globs_; }

 private:
  struct Checked {};
  ParameterFilter(Checked, Predicate predicate);

  Predicate predicate_;
  std::vector<std::string> globs_;
  std::string description_;
};
constexpr std::string_view config_type_name(const ParameterFilter*) { return "a ParameterFilter"; }

class Group;

// A filter and the algorithm for the parameters that it takes. Groups do not nest: Group::extend joins them.
struct GroupEntry {
  template <std::derived_from<SparsityAlgorithm> A>
  requires(!std::derived_from<A, Group>) GroupEntry(ParameterFilter filter_, A algorithm_)
      : filter(std::move(filter_)), algorithm(std::make_shared<A>(std::move(algorithm_))) {}
  GroupEntry(ParameterFilter filter_, std::shared_ptr<SparsityAlgorithm> algorithm_)
      : filter(std::move(filter_)), algorithm(std::move(algorithm_)) {}

  ParameterFilter filter;
  std::shared_ptr<SparsityAlgorithm> algorithm;
};

// Each parameter goes to the first entry that takes it; one that none takes stays dense. An entry that gets no
// parameter, and a glob that matches none, is warned about. Hooks and states are those of its algorithms: a hook is
// registered with each, and in a state dict algorithm i has the keys algorithms.<i>.<key>.
class Group final : public SparsityAlgorithm {
 public:
  Group() : SparsityAlgorithm("Group", {}) {}
  Group(std::initializer_list<GroupEntry> entries);
  // The group that leaves every parameter dense, as `sparsity: null` asks for. Any other group needs an entry.
  static Group none();

  // Before the group is applied (StateError after). Throws ConfigError for a Group, no algorithm, or one that the group
  // has already. An algorithm belongs to one group: applying a second one that has it throws StateError.
  void add(GroupEntry entry);
  // Takes over the entries of another group, which is empty then. Throws as add(), and changes nothing then.
  void extend(Group&& other);
  size_t size() const { return entries_.size(); }
  // Throws IndexError where there is no such entry.
  SparsityAlgorithm& operator[](size_t index) const;

  const Sparsity& sparsity() const override;
  float target_sparsity(const SparseParameter& parameter) const override;

  // Updates every algorithm for its parameters of this optimizer. All that plan their steps have planned before the
  // first is carried out, after those that override update(). What one of them throws has changed nothing.
  void update(optim::Optimizer* optimizer = nullptr) override;

  RemovableHandle register_target_sparsity_hook(SparsityHook hook) override;
  RemovableHandle register_computed_sparsity_hook(SparsityHook hook) override;
  StateDict state_dict() const override;
  void load_state_dict(const StateDict& state) override;

 protected:
  std::vector<SparseParameter> select(std::vector<SparseParameter> parameters) const override;
  TopologyChange first_change(const SparseParameter& parameter) const override;
  void prepare_adopt(std::vector<SparseParameter> parameters) override;
  void adopt() noexcept override;
  void prepare_attach(optim::Optimizer& optimizer, const std::weak_ptr<const void>& alive) override;
  void attach() noexcept override;
  bool needs_optimizer(const SparseParameter& parameter) const override;
  bool plans_steps() const override;
  std::vector<Parameter> begin(optim::Optimizer* optimizer) override;
  void prepare(optim::Optimizer* optimizer) override;
  void announce() override;
  void carry_out() noexcept override;
  void discard() noexcept override;
  void run(optim::Optimizer* optimizer) override;
  std::vector<SparsityAlgorithm*> members() override;
  int64_t last_update_step() const override;
  bool may_be_empty() const override { return none_; }
  bool has_filters() const override { return true; }

 private:
  // The first entry that takes the parameter; null where none does.
  const GroupEntry* match(const SparseParameter& parameter) const;
  void check_not_applied(const char* op) const;
  void check_entry(const char* op, const GroupEntry& entry) const;

  void warn_about_filters(const std::vector<SparseParameter>& parameters) const;

  std::vector<GroupEntry> entries_;
  bool none_ = false;
};

}  // namespace gossamer::sparse
#pragma GCC visibility pop
