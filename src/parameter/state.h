// What the handles of a parameter share; for this layer alone.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gossamer/parameter.h"
#include "ops/csr/gradient_tap.h"
#include "ops/csr/weight.h"
#include "parameter/access.h"

namespace gossamer {

struct Parameter::State {
  std::string name;
  Shape shape;
  CsrWeight weight;  // of a dense parameter the values alone
  bool requires_dense = false;
  ChangeCounts last_change;
  std::shared_ptr<const std::function<void(const Tensor&)>> input_observer;
  std::vector<std::weak_ptr<SlotArray>> arrays;
  std::weak_ptr<const void> claim;

  State() { weight.tap = std::make_shared<GradientTap>(); }
};

}  // namespace gossamer
