// A parameter as it was: for steps and loads whose later part may throw after weights moved.
#pragma once

#include <memory>
#include <vector>

#include "gossamer/parameter.h"
#include "ops/csr/gradient_tap.h"
#include "ops/csr/weight.h"
#include "parameter/access.h"

namespace gossamer {

// Pattern, gradient and what the tap retained are held as they are, since a change of the pattern leaves arrays alone
// that somebody else holds. Values and slot arrays are copied where elements may be written, and held as well where
// arrays are only replaced, as Parameter::assign does.
class ParameterSnapshot {
 public:
  enum class Elements { Copied, Held };

  explicit ParameterSnapshot(const Parameter& parameter, Elements elements = Elements::Copied);
  // Once.
  void restore() noexcept;

 private:
  struct Saved {
    std::shared_ptr<SlotArray> array;
    Tensor held;
    Tensor copy;  // undefined where the elements are held
  };

  Parameter parameter_;
  CsrWeight weight_;
  Tensor values_;  // a copy, or undefined
  Tensor grad_;
  ChangeCounts last_change_;
  GradientTap tap_;
  std::vector<Saved> arrays_;
};

}  // namespace gossamer
