// Module: the base of layers and networks. It knows its parameters, buffers and child modules by name.
//
//   struct Net : nn::Cloneable<Net> {
//     nn::Linear fc1, fc2;
//     explicit Net(Generator& rng) : fc1({.in = 784, .out = 300}, rng), fc2({.in = 300, .out = 10}, rng) {
//       register_module("fc1", fc1);
//       register_module("fc2", fc2);
//     }
//     Tensor forward(const Tensor& x) override { return fc2(relu(fc1(x))); }
//   };
#pragma once

#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gossamer/parameter.h"
#include "gossamer/state_dict.h"
#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer::sparse {
class SparsityAlgorithm;
}

namespace gossamer::nn {

using gossamer::LoadOptions;
using gossamer::LoadResult;
using gossamer::SparseForm;
using gossamer::StateDict;
using gossamer::StateDictOptions;

// Movable, not copyable (clone()). Names, parameters and flags live in a registry that moves along, so a module may be
// moved, with its members, after it was registered in another; registries and Parameters outlive the modules. A module
// that was moved from can only be assigned to or destroyed: a call of it and the functions of Module throw StateError,
// while what a layer tells of itself, as options(), and a forward() called by its name are unspecified.
//
// Names are unique within a module and hold no dot. The parameters of a child "fc1" are called "fc1.weight" and so on,
// through all levels; Parameter::name() follows.
//
// forward() is not const, since layers may keep what they saw (BatchNorm its statistics): a const module can be saved,
// counted and cloned, not called, so what serves holds the module itself. Several threads may run forward at once on
// one model under NoGrad, after eval().
class Module {
 public:
  virtual ~Module();

  // The output for x. A module that takes other arguments has a function of its own; this one then throws StateError.
  virtual Tensor forward(const Tensor& x);
  Tensor operator()(const Tensor& x) {
    check_not_moved_from();
    return forward(x);
  }

  // An independent module with equal parameters, buffers and flags, and no gradients. A module that derives from
  // Cloneable has it; elsewhere it throws StateError unless overridden, by constructing another module and calling its
  // copy_state_from(*this).
  virtual std::unique_ptr<Module> clone() const;

  // The module's own first, then those of its children, in the order of registration. One that comes under several
  // names is listed once, under the first.
  std::vector<Parameter> parameters() const;
  std::vector<std::pair<std::string, Parameter>> named_parameters() const;
  std::vector<std::pair<std::string, Tensor>> named_buffers() const;
  // The parameter of that name in named_parameters(), "fc1.weight". Throws ConfigError that lists the nearest names.
  Parameter parameter(std::string_view name) const;
  // This module under "", then its descendants. The pointers are valid until one of the modules is moved or destroyed.
  std::vector<std::pair<std::string, Module*>> named_modules();

  // Training is what a new module is in; evaluation turns off dropout. For all children too.
  void train(bool training = true);
  void eval() { train(false); }
  bool training() const;

  // The tree of modules with their types, parameters and buffers, as by print() in torch:
  //
  //   Net(
  //     (fc1): Linear(
  //       weight: f32 [300, 784], CSR with 23520 nonzeros (sparsity 90.00 %)
  //       bias: f32 [300], dense
  //     )
  //   )
  std::string to_string() const;

  // Clears all gradients.
  void zero_grad();
  // Sparsity algorithms leave the parameters of this module alone. Throws StateError, and marks none, where one is CSR.
  void requires_dense(bool requires_dense = true);
  // Gives parameters() to the algorithm, which makes those that it wants CSR.
  void apply(sparse::SparsityAlgorithm& algorithm);

  // Copies of all parameters and buffers by name, "fc1.weight"; CSR parameters in the form that the options say
  // (state_dict.h), "fc1.weight" and "fc1.weight_mask" by default.
  StateDict state_dict(const StateDictOptions& options = {}) const;
  // Takes up parameters, patterns and buffers. A parameter that the dict holds sparse, in either form, becomes CSR with
  // that pattern; one that it holds dense keeps its form, and where that is CSR the mask counts as missing. Gradients
  // are cleared; optimizer states of the connections that stay are kept. Warns about values other than 0 where a mask
  // is 0, which are dropped. Throws FormatError that lists all faults, with nothing changed: names missing or
  // unexpected (unless strict = false: what is missing keeps its value, and a CSR parameter without a mask takes the
  // values at its own pattern; the log callback is told how many, and it is an error where the module has none of the
  // names), another shape or dtype, a weight in both forms, CSR entries that are incomplete or no
  // pattern, a sparse weight for a parameter with requires_dense. load_weights.h is for files of other libraries.
  LoadResult load_state_dict(const StateDict& dict, const LoadOptions& options = {});

 protected:
  Module();
  // Protected, so that a derived module moves as a whole or not at all. An assigned module takes the place of what
  // stood here, also in the module that this one is registered in.
  Module(Module&& other) noexcept;
  Module& operator=(Module&& other);  // NOLINT(performance-noexcept-move-constructor): naming allocates
  // Throws StateError where this module was moved from: for functions of a derived module that call none of Module.
  void check_not_moved_from() const;

  // Each throws ConfigError where the name is empty, has a dot, or is taken; "x_mask" and "x" exclude each other for
  // parameters and buffers, as a state dict would mix them up. StateError: an undefined parameter or buffer.
  void register_parameter(const std::string& name, const Parameter& parameter);
  // The buffer is saved with the module but not trained. It shares its storage with the caller's tensor.
  void register_buffer(const std::string& name, const Tensor& buffer);
  // `module` is a member, or owned by one. ConfigError when it already belongs to a module, or contains this one. Use
  // its Parameters in a second module to share weights.
  void register_module(const std::string& name, Module& module);

  // What clone() needs: elements, patterns, buffers and flags of a module with the same names and shapes (StateError).
  // For a new module: StateError where an optimizer keeps states of a parameter.
  void copy_state_from(const Module& other);

 private:
  struct Registry;
  Registry& registry() const;
  void check_name(const char* op, const std::string& name) const;
  void check_entry(const char* op, const std::string& name) const;

  std::shared_ptr<Registry> registry_;  // null when moved from
};

// Writes to_string().
std::ostream& operator<<(std::ostream& out, const Module& module);

}  // namespace gossamer::nn
#pragma GCC visibility pop
