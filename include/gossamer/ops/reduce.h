// Reductions over any set of dimensions: sum(x), sum(x, 1), sum(x, {0, -1}, true), sum(x, {.dims = {0}}). Operands are
// f32 or f64 (DTypeError) but for argmax, argmin, any, all and count_nonzero, which take any dtype; a dimension outside
// the rank or named twice throws ShapeError.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <utility>
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
// Its root, the standard deviation (torch.std); its gradient at 0 is 0.
[[nodiscard]] Tensor stddev(const Tensor& x, const VarOptions& options = {});

struct NormOptions {
  double p = 2;  // 1: the sum of magnitudes, 2: the root of the sum of squares; else ConfigError
  std::vector<int> dims = {};
  bool keepdim = false;
};
// Its gradient at 0 is 0. Squares of f32 are added in double and do not overflow. It has no form with dimensions alone:
// the number of norm(x, 1) would be read as p.
[[nodiscard]] Tensor norm(const Tensor& x, const NormOptions& options = {});

// Whether one element, or every one, is not 0 or false (NaN is not 0), as bool; of nothing false, and true.
[[nodiscard]] Tensor any(const Tensor& x, const ReduceOptions& options = {});
[[nodiscard]] Tensor all(const Tensor& x, const ReduceOptions& options = {});
// The number of such elements, i64.
[[nodiscard]] Tensor count_nonzero(const Tensor& x, const ReduceOptions& options = {});

struct ArgReduceOptions {
  std::optional<int> dim = -1;  // nullopt: the index into all elements, row-major
  bool keepdim = false;         // keep the reduced dimensions with size 1
  bool select_last = false;     // the highest index among ties instead of the lowest
};
// Index (i64) of the largest and the smallest element. NaN wins. Not differentiable. Throws ShapeError where there is
// nothing to choose from.
[[nodiscard]] Tensor argmax(const Tensor& x, const ArgReduceOptions& options = {});
[[nodiscard]] Tensor argmin(const Tensor& x, const ArgReduceOptions& options = {});

// ---- Along one dimension, or several ----

// One that int cannot hold stays outside every rank.
template <DimNumber Int>
constexpr int as_dim(Int dim) {
  return std::in_range<int>(dim) ? static_cast<int>(dim) : std::numeric_limits<int>::max();
}

template <DimNumber Int>
[[nodiscard]] Tensor argmax(const Tensor& x, Int dim, bool keepdim = false) {
  return argmax(x, ArgReduceOptions{.dim = as_dim(dim), .keepdim = keepdim});
}
template <DimNumber Int>
[[nodiscard]] Tensor argmin(const Tensor& x, Int dim, bool keepdim = false) {
  return argmin(x, ArgReduceOptions{.dim = as_dim(dim), .keepdim = keepdim});
}

// Templates, so that {} and {.dims = {0}} stand for the options.
#define GOSSAMER_REDUCTION_ALONG(NAME, OPTIONS)                                                       \
  template <DimNumber Int>                                                                            \
  [[nodiscard]] Tensor NAME(const Tensor& x, Int dim, bool keepdim = false) {                         \
    return NAME(x, OPTIONS{.dims = {as_dim(dim)}, .keepdim = keepdim});                               \
  }                                                                                                   \
  template <DimNumber Int>                                                                            \
  [[nodiscard]] Tensor NAME(const Tensor& x, std::initializer_list<Int> dims, bool keepdim = false) { \
    OPTIONS options{.keepdim = keepdim};                                                              \
    for (const Int dim : dims) options.dims.push_back(as_dim(dim));                                   \
    return NAME(x, options);                                                                          \
  }
GOSSAMER_REDUCTION_ALONG(sum, ReduceOptions)
GOSSAMER_REDUCTION_ALONG(mean, ReduceOptions)
GOSSAMER_REDUCTION_ALONG(max, ReduceOptions)
GOSSAMER_REDUCTION_ALONG(min, ReduceOptions)
GOSSAMER_REDUCTION_ALONG(prod, ReduceOptions)
GOSSAMER_REDUCTION_ALONG(logsumexp, ReduceOptions)
GOSSAMER_REDUCTION_ALONG(var, VarOptions)
GOSSAMER_REDUCTION_ALONG(stddev, VarOptions)
GOSSAMER_REDUCTION_ALONG(any, ReduceOptions)
GOSSAMER_REDUCTION_ALONG(all, ReduceOptions)
GOSSAMER_REDUCTION_ALONG(count_nonzero, ReduceOptions)
#undef GOSSAMER_REDUCTION_ALONG

}  // namespace gossamer
#pragma GCC visibility pop
