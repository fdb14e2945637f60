// Other shapes of the same elements, parts of a tensor, and permuted dimensions. Any dtype; floating ones carry
// gradients.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

// The same elements in another shape (a view). One size may be -1 and follows from the others.
[[nodiscard]] Tensor reshape(const Tensor& x, std::initializer_list<int64_t> dims);
[[nodiscard]] Tensor reshape(const Tensor& x, const Shape& shape);

// Rows [begin, end) of the first dimension: a view. Negative bounds count from the end.
[[nodiscard]] Tensor slice(const Tensor& x, int64_t begin, int64_t end);

struct SliceRange {
  int dim = 0;  // negative counts from the end
  int64_t begin = 0;
  int64_t end = 0;
  int64_t step = 1;  // at least 1 (ConfigError)
};
// Elements begin, begin + step, ... below end of one dimension: a copy.
[[nodiscard]] Tensor slice(const Tensor& x, const SliceRange& range);

// Dimensions dim0 and dim1 exchanged: a copy.
[[nodiscard]] Tensor transpose(const Tensor& x, int dim0, int dim1);
// Dimension i of the result is dimension dims[i] of x (negative counts from the end): a copy. ShapeError unless dims
// names each dimension once.
[[nodiscard]] Tensor permute(const Tensor& x, std::span<const int> dims);
[[nodiscard]] inline Tensor permute(const Tensor& x, std::initializer_list<int> dims) {
  return permute(x, std::span<const int>(dims.begin(), dims.size()));
}

}  // namespace gossamer
#pragma GCC visibility pop
