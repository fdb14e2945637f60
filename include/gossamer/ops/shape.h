// Other shapes of the same elements, repeated elements, parts of a tensor, and permuted dimensions. Any dtype; floating
// ones carry gradients.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

// The same elements in another shape (a view). One size may be -1 and follows from the others.
[[nodiscard]] Tensor reshape(const Tensor& x, std::initializer_list<int64_t> dims);
[[nodiscard]] Tensor reshape(const Tensor& x, const Shape& shape);

struct FlattenOptions {
  int start_dim = 0;  // the first and the last dimension that become one; negative counts from the end
  int end_dim = -1;
};
// Adjacent dimensions made one (a view); a scalar counts as [1]. ShapeError where start_dim comes after end_dim.
[[nodiscard]] Tensor flatten(const Tensor& x, const FlattenOptions& options = {});

// Without its dimensions of size 1, or without the one named if its size is 1, as in torch (a view).
[[nodiscard]] Tensor squeeze(const Tensor& x);
[[nodiscard]] Tensor squeeze(const Tensor& x, int dim);
// With a dimension of size 1 that becomes dimension `dim`; negative counts from the end of the result (a view).
[[nodiscard]] Tensor unsqueeze(const Tensor& x, int dim);

// x repeated along dimensions of size 1, and along new leading ones, to reach the shape (ShapeError where it cannot): a
// copy. A size given as -1 stays what it is.
[[nodiscard]] Tensor expand(const Tensor& x, std::initializer_list<int64_t> dims);
[[nodiscard]] Tensor expand(const Tensor& x, const Shape& shape);

// x repeats[i] times one after the other along dimension i; more numbers than dimensions add leading ones, as in
// torch.Tensor.repeat (numpy's tile): a copy. ShapeError for fewer, or for one below 0.
[[nodiscard]] Tensor repeat(const Tensor& x, std::span<const int64_t> repeats);
[[nodiscard]] inline Tensor repeat(const Tensor& x, std::initializer_list<int64_t> repeats) {
  return repeat(x, std::span<const int64_t>(repeats.begin(), repeats.size()));
}

// Rows [begin, end) of the first dimension: a view. Negative bounds count from the end; other than torch and numpy,
// bounds outside the dimension, or begin after end, throw ShapeError.
[[nodiscard]] Tensor slice(const Tensor& x, int64_t begin, int64_t end);

struct SliceRange {
  int dim = 0;  // negative counts from the end
  int64_t begin = 0;
  std::optional<int64_t> end = std::nullopt;  // nullopt: the end of the dimension
  int64_t step = 1;                           // at least 1 (ConfigError)
};
// Elements begin, begin + step, ... below end of one dimension, with bounds as above: a copy. The gradients of many
// slices of one tensor are added up in place.
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
