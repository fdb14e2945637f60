// The warning about an algorithm that was applied to a model and to none of its optimizers.
#pragma once

#include <atomic>
#include <string>
#include <utility>

#include "gossamer/parameter.h"
#include "parameter/access.h"
#include "runtime/log.h"

namespace gossamer::sparse {

// Speaks at the second step, since update() called by hand comes after the first.
class Unattached final : public StepWatcher {
 public:
  explicit Unattached(std::string algorithm) : algorithm_(std::move(algorithm)) {}

  void stepped(const Parameter& p) noexcept override {
    const void* first = nullptr;
    if (first_.compare_exchange_strong(first, p.id()) || first != p.id() || said_.exchange(true)) return;
    rt::warn(
        "optimizer.step(): {} was applied to the model and to no optimizer, so the pattern of '{}' stays as it is; "
        "call optimizer.apply(sparsity)",
        algorithm_, p.name());
  }

 private:
  const std::string algorithm_;
  std::atomic<const void*> first_{nullptr};  // the parameter whose steps are counted
  std::atomic<bool> said_{false};
};

}  // namespace gossamer::sparse
