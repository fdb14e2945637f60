// Elements in the order of their values along a dimension (negative counts from the end). Any dtype; floating values
// carry gradients. NaN counts as larger than all numbers, as in torch; of equal elements the one with the lower index
// comes first, whichever the direction.
#pragma once

#include <cstdint>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

struct ValuesAndIndices {
  Tensor values;
  Tensor indices;  // i64, along the dimension
};

struct SortOptions {
  int dim = -1;
  bool descending = false;
};
// The elements in ascending or descending order, each with the index that it had in x.
[[nodiscard]] ValuesAndIndices sort(const Tensor& x, const SortOptions& options = {});
// The indices of sort().
[[nodiscard]] Tensor argsort(const Tensor& x, const SortOptions& options = {});

struct TopkOptions {
  int dim = -1;
  bool largest = true;  // false: the smallest
  bool sorted = true;   // false: in the order of their indices
};
// The k largest elements along a dimension, k in [0, size] (ShapeError); the largest first.
[[nodiscard]] ValuesAndIndices topk(const Tensor& x, int64_t k, const TopkOptions& options = {});

}  // namespace gossamer
#pragma GCC visibility pop
