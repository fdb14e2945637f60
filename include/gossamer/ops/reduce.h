// Reductions over any set of dimensions. Operands are f32 or f64 (DTypeError) but for argmax and argmin, which take any
// dtype; a dimension outside the rank or named twice throws ShapeError.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <vector>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

struct ReduceOptions {
  std::vector<int> dims = {};  // dimensions to reduce, negative from the end; empty: all of them
  bool keepdim = false;        // keep the reduced dimensions with size 1
};
// 0 where there is nothing to add. Chunks of a few hundred elements at most are added up, then their sums.
[[nodiscard]] Tensor sum(const Tensor& x, const ReduceOptions& options = {});
// Throws ShapeError where there is nothing to average.
[[nodiscard]] Tensor mean(const Tensor& x, const ReduceOptions& options = {});
// The largest and the smallest element; the gradient is shared evenly among ties. NaN wins. Throws ShapeError for an
// empty reduction.
[[nodiscard]] Tensor max(const Tensor& x, const ReduceOptions& options = {});
[[nodiscard]] Tensor min(const Tensor& x, const ReduceOptions& options = {});
// The gradient is the product of the other elements, also where some are 0. The product of nothing is 1.
[[nodiscard]] Tensor prod(const Tensor& x, const ReduceOptions& options = {});
// log(Σ exp(x)) without overflow. -infinity where all elements are (their gradient is 0), and of nothing.
[[nodiscard]] Tensor logsumexp(const Tensor& x, const ReduceOptions& options = {});

struct VarOptions {
  std::vector<int> dims = {};
  bool keepdim = false;
  double correction = 1;  // subtracted from the number of elements: 0 for the biased variance. Finite (ConfigError)
};
// Mean square of what is left of the elements without their mean. NaN for one element and a correction of 1, as in
// torch; throws ShapeError for an empty reduction.
[[nodiscard]] Tensor var(const Tensor& x, const VarOptions& options = {});

struct NormOptions {
  double p = 2;  // 1: the sum of magnitudes, 2: the root of the sum of squares; else ConfigError
  std::vector<int> dims = {};
  bool keepdim = false;
};
// Its gradient at 0 is 0. Squares of f32 are added in double and do not overflow.
[[nodiscard]] Tensor norm(const Tensor& x, const NormOptions& options = {});

struct ArgReduceOptions {
  std::optional<int> dim = -1;  // nullopt: the index into all elements, row-major
  bool keepdim = false;         // keep the reduced dimensions with size 1
  bool select_last = false;     // the highest index among ties instead of the lowest
};
// Index (i64) of the largest and the smallest element. NaN wins. Not differentiable. Throws ShapeError where there is
// nothing to choose from.
[[nodiscard]] Tensor argmax(const Tensor& x, const ArgReduceOptions& options = {});
[[nodiscard]] Tensor argmin(const Tensor& x, const ArgReduceOptions& options = {});
// A template, so that {} stands for the options.
template <std::same_as<int> Int>
[[nodiscard]] Tensor argmax(const Tensor& x, Int dim) {
  return argmax(x, ArgReduceOptions{.dim = dim});
}
template <std::same_as<int> Int>
[[nodiscard]] Tensor argmin(const Tensor& x, Int dim) {
  return argmin(x, ArgReduceOptions{.dim = dim});
}

}  // namespace gossamer
#pragma GCC visibility pop
