// Elements moved within a shape, added around it, or cleared in a triangle of it. Any dtype; floating ones carry
// gradients. Dimensions count from the end where they are negative.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

// The order of elements reversed along the dimensions named, each at most once (ShapeError).
[[nodiscard]] Tensor flip(const Tensor& x, std::span<const int> dims);
[[nodiscard]] inline Tensor flip(const Tensor& x, std::initializer_list<int> dims) {
  return flip(x, std::span<const int>(dims.begin(), dims.size()));
}

// Element i of dimension `dim` moved to i + shift, and round where it passes an end.
[[nodiscard]] Tensor roll(const Tensor& x, int64_t shift, int dim);

struct PadRange {
  int dim = 0;
  int64_t before = 0;  // elements added in front and behind, at least 0 (ShapeError)
  int64_t after = 0;
};
enum class PadMode {
  Constant,   // the value of the options
  Reflect,    // mirrored at the first and the last element, which are not repeated: fewer than the size (ShapeError)
  Replicate,  // the first and the last element again
  Circular,   // from the other end: at most the size (ShapeError)
};
struct PadOptions {
  PadMode mode = PadMode::Constant;
  double value = 0;  // of Constant; converted as by Tensor::to
};
// x with elements around it, along each dimension named at most once (ShapeError), as torch.nn.functional.pad.
[[nodiscard]] Tensor pad(const Tensor& x, std::span<const PadRange> ranges, const PadOptions& options = {});
[[nodiscard]] inline Tensor pad(const Tensor& x, std::initializer_list<PadRange> ranges,
                                const PadOptions& options = {}) {
  return pad(x, std::span<const PadRange>(ranges.begin(), ranges.size()), options);
}

struct TriangleOptions {
  int64_t diagonal = 0;  // elements [i, i + diagonal] are the border, which is kept
};
// The lower and the upper triangle of the last two dimensions; 0 (false) elsewhere. ShapeError below rank 2.
[[nodiscard]] Tensor tril(const Tensor& x, const TriangleOptions& options = {});
[[nodiscard]] Tensor triu(const Tensor& x, const TriangleOptions& options = {});

}  // namespace gossamer
#pragma GCC visibility pop
