// Tensors put together along a dimension, and taken apart. Any dtype; floating ones carry gradients. Dimensions count
// from the end where they are negative.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

// One after the other along an existing dimension (torch.cat). There must be one tensor at least; all share their dtype
// (DTypeError) and all sizes but the one of `dim` (ShapeError).
[[nodiscard]] Tensor concat(std::span<const Tensor> tensors, int dim = 0);
[[nodiscard]] inline Tensor concat(std::initializer_list<Tensor> tensors, int dim = 0) {
  return concat(std::span<const Tensor>(tensors.begin(), tensors.size()), dim);
}

// Tensors of one shape along a new dimension, which is dimension `dim` of the result.
[[nodiscard]] Tensor stack(std::span<const Tensor> tensors, int dim = 0);
[[nodiscard]] inline Tensor stack(std::initializer_list<Tensor> tensors, int dim = 0) {
  return stack(std::span<const Tensor>(tensors.begin(), tensors.size()), dim);
}

// Consecutive parts of `size` elements (at least 1, ConfigError) along a dimension, the last one smaller where it does
// not divide; one empty part of an empty dimension. Parts are views where no dimension before `dim` is larger than 1,
// else copies; their gradients are added up in place.
[[nodiscard]] std::vector<Tensor> split(const Tensor& x, int64_t size, int dim = 0);
// Consecutive parts of the sizes given, which must add up to that of the dimension (ShapeError).
[[nodiscard]] std::vector<Tensor> split(const Tensor& x, std::span<const int64_t> sizes, int dim = 0);
[[nodiscard]] inline std::vector<Tensor> split(const Tensor& x, std::initializer_list<int64_t> sizes, int dim = 0) {
  return split(x, std::span<const int64_t>(sizes.begin(), sizes.size()), dim);
}
// `chunks` parts (at least 1, ConfigError) of equal size, rounded up, so that the last may be smaller and there may be
// fewer, as in torch.chunk.
[[nodiscard]] std::vector<Tensor> chunk(const Tensor& x, int64_t chunks, int dim = 0);

}  // namespace gossamer
#pragma GCC visibility pop
