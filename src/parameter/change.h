// A change of a parameter's storage in two halves: all that may fail, then all that is left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gossamer/parameter.h"

namespace gossamer {

// Values, gradient and slot arrays on their way to another pattern, with the memory that they will take. An array whose
// memory is its own and has the new size hands it on to the next one, so that a change which keeps the number of
// connections takes one array in all.
class PreparedChange {
 public:
  // What Parameter::apply does. Throws what Parameter::check throws. The contents are those of commit(): they may
  // change until then.
  PreparedChange(const Parameter& parameter, TopologyChange change);
  // What Parameter::assign and assign_canonical do; they throw what these throw.
  static PreparedChange assignment(const Parameter& parameter, const Tensor& dense,
                                   std::shared_ptr<const CsrPattern> pattern);
  static PreparedChange canonical_assignment(const Parameter& parameter, const Tensor& values,
                                             std::shared_ptr<const CsrPattern> pattern);

  const Parameter& parameter() const { return parameter_; }
  // Null where the parameter becomes dense.
  const std::shared_ptr<const CsrPattern>& pattern() const { return pattern_; }
  // Moves the values now, where they alone move and stay as they are until commit(): what tells where is then freed.
  void move_values_now();
  // The values as commit() will leave them if nothing changes them before.
  Tensor values_after() const;
  // Throws StateError where the parameter's pattern was changed since. Prepares anew where its arrays were.
  void refresh();
  void commit() noexcept;

 private:
  enum class Becomes { Dense, Csr };
  PreparedChange() = default;
  // `gather` gives the new values of the pattern's slots.
  template <class F>
  static PreparedChange assigning(const Parameter& parameter, std::shared_ptr<const CsrPattern> pattern,
                                  Becomes becomes, F&& gather);
  void plan(const Parameter& parameter, TopologyChange change);
  void plan_memory();
  // For each array that moves, in the order of commit(): whether its memory can be handed on.
  std::vector<bool> reusable() const;
  Tensor moved(Tensor from) noexcept;
  Tensor next_buffer(const Tensor& from) noexcept;

  Parameter parameter_;
  std::shared_ptr<const CsrPattern> pattern_;
  const CsrPattern* before_ = nullptr;  // only compared
  bool same_slots_ = false;             // nothing moves
  bool assigns_ = false;                // the gradient goes
  bool filled_ = false;                 // values_ hold their elements
  std::vector<int64_t> source_;
  std::vector<bool> reusable_;
  std::vector<Tensor> buffers_;  // free ones, of the new size
  Tensor values_;                // the new leaf
  Shape slots_;                  // of all arrays, afterwards
  ChangeCounts counts_;
  std::string retired_;
};

}  // namespace gossamer
