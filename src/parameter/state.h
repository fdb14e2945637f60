// What the handles of a parameter share; for this layer alone.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
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
  std::weak_ptr<StepWatcher> step_watcher;
  bool claim_changes = false;

  State() { weight.tap = std::make_shared<GradientTap>(); }

  // All that a copy shares with its original: everything but the name, gradients, and who else uses the parameter.
  void copy(const State& from) {
    Tensor values = from.weight.values.clone();
    values.set_requires_grad(from.weight.values.requires_grad());
    shape = from.shape;
    weight.pattern = from.weight.pattern;
    weight.subset = from.weight.subset;
    weight.execution = from.weight.execution;
    weight.values = std::move(values);
    requires_dense = from.requires_dense;
    last_change = from.last_change;
  }
};

}  // namespace gossamer
