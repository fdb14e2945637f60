// What lies inside a Parameter, for operations, optimizers and sparsity algorithms.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "gossamer/parameter.h"
#include "ops/csr/gradient_tap.h"
#include "ops/csr/weight.h"

namespace gossamer {

// An array with one element per slot of a parameter, such as a momentum. It follows the parameter's pattern: survivors
// keep their element, new slots start at 0. Optimizers own them; the parameter only knows those still alive.
struct SlotArray {
  Tensor data;
};

// Learns of every step of an optimizer that updated a parameter.
class StepWatcher {
 public:
  virtual ~StepWatcher() = default;
  virtual void stepped(const Parameter& p) noexcept = 0;
};

// Each throws StateError, naming its function, for an undefined parameter.
struct ParameterAccess {
  // With the parameter's values, subset, execution and tap; the pattern is null where it is dense.
  static const CsrWeight& weight(const Parameter& p);
  // One per parameter, shared with the nodes of its uses.
  static GradientTap& tap(const Parameter& p);

  // to_string() without the name, of a defined parameter.
  static std::string describe(const Parameter& p);

  // `to` becomes a copy of `from` in all but its name, without a gradient. StateError where it has slot arrays.
  static void copy(const Parameter& to, const Parameter& from);
  // The two halves of Parameter::set_forward_pattern, for a pattern that the parameter is about to have, too.
  static std::shared_ptr<const ForwardSubset> make_forward_subset(std::string_view op, const CsrPattern& whole,
                                                                  const std::shared_ptr<const CsrPattern>& subset);
  static void set_forward_subset(const Parameter& p, std::shared_ptr<const ForwardSubset> subset) noexcept;

  // A new array of zeros that follows the pattern.
  static std::shared_ptr<SlotArray> make_slot_array(const Parameter& p);

  // A sparsity algorithm marks its parameters with a token; they are claimed for as long as the token lives. One that
  // `changes` their patterns during training has a state that a run cannot do without.
  static bool is_claimed(const Parameter& p);
  static bool is_changed(const Parameter& p);
  static void claim(const Parameter& p, const std::shared_ptr<const void>& token, bool changes);

  // The watcher is called until it is gone or another takes its place; null ends it.
  static void watch_steps(const Parameter& p, const std::shared_ptr<StepWatcher>& watcher);
  static void tell_step(const Parameter& p) noexcept;

  // f sees the input of every linear(x, this weight) until it is replaced; an empty function ends it. f may end itself;
  // what it throws comes out of the product. Forward must not run on several threads meanwhile.
  static void observe_inputs(const Parameter& p, std::function<void(const Tensor& x)> f);
  static void show_input(const Parameter& p, const Tensor& x);
};

}  // namespace gossamer
