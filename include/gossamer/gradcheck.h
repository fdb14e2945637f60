// Checks the gradient of an operation or a whole model against central differences.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

struct GradCheckOptions {
  double step = 1e-6;  // distance of the differences
  // An element passes where |analytic - numeric| <= atol + rtol |numeric|.
  double rtol = 1e-5;
  double atol = 1e-7;
  uint64_t key = 0;  // of the random gradient of the output
};

struct GradCheckResult {
  bool ok = true;
  double max_error = 0;  // the largest |analytic - numeric|
  std::string message;   // the worst element that fails, with both numbers; empty when ok

  explicit operator bool() const { return ok; }
};

// Compares the gradients that backward() gives for fn with those by central differences of Σ r fn(inputs), where r is
// drawn once from [-1, 1). fn must be a function of its inputs alone: the same values give the same result. Every
// element costs two evaluations, so inputs should be small. The inputs stay as they are. Throws DTypeError unless all
// inputs and the result are f64: smaller floats cannot tell an error from rounding.
GradCheckResult gradcheck(const std::function<Tensor(std::span<const Tensor>)>& fn, std::vector<Tensor> inputs,
                          const GradCheckOptions& options = {});

}  // namespace gossamer
#pragma GCC visibility pop
