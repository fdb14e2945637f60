// A parameter as it was: for a step that runs code which may throw after weights moved.
#pragma once

#include <memory>
#include <vector>

#include "gossamer/parameter.h"
#include "ops/csr/gradient_tap.h"
#include "ops/csr/weight.h"
#include "parameter/access.h"

namespace gossamer {

// Copies of values and slot arrays; pattern, gradient and what the tap retained are held as they are, since a change of
// the pattern leaves arrays alone that somebody else holds.
class ParameterSnapshot {
 public:
  explicit ParameterSnapshot(const Parameter& parameter);
  // Once.
  void restore() noexcept;

 private:
  struct Saved {
    std::shared_ptr<SlotArray> array;
    Tensor held;
    Tensor copy;
  };

  Parameter parameter_;
  CsrWeight weight_;
  Tensor values_;  // a copy
  Tensor grad_;
  ChangeCounts last_change_;
  GradientTap tap_;
  std::vector<Saved> arrays_;
};

}  // namespace gossamer
