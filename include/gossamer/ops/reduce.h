// Reductions over any set of dimensions.
#pragma once

#include <cstdint>
#include <vector>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

struct ReduceOptions {
  std::vector<int> dims = {};  // dimensions to reduce, negative from the end; empty: all of them
  bool keepdim = false;        // keep the reduced dimensions with size 1
};
[[nodiscard]] Tensor sum(const Tensor& x, const ReduceOptions& options = {});
// Throws ShapeError where there is nothing to average.
[[nodiscard]] Tensor mean(const Tensor& x, const ReduceOptions& options = {});
// The largest element; its gradient is shared evenly among ties. NaN wins. Throws ShapeError for an empty reduction.
[[nodiscard]] Tensor max(const Tensor& x, const ReduceOptions& options = {});

// Index (i64) of the largest element along `dim`, the lowest among ties. Not differentiable.
[[nodiscard]] Tensor argmax(const Tensor& x, int dim = -1);

}  // namespace gossamer
#pragma GCC visibility pop
