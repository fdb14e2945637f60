// Extremes, comparisons and choice, elementwise with broadcasting: sizes are aligned at the last dimension, and 1
// stretches. Floating operands of one operation share a dtype (DTypeError); shapes that do not fit throw ShapeError.
#pragma once

#include <optional>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

// The larger and the smaller of both; NaN where one is NaN. The gradient goes to the operand chosen, half to each where
// they are equal, and whole to each where one is NaN, as in torch.
[[nodiscard]] Tensor maximum(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor minimum(const Tensor& a, const Tensor& b);

struct ClampOptions {
  std::optional<double> min = std::nullopt;  // one of both is set, and neither is NaN (ConfigError)
  std::optional<double> max = std::nullopt;  // below min: every element becomes max
};
// Each element moved into [min, max]; NaN stays NaN. The gradient is selected where min <= x <= max.
[[nodiscard]] Tensor clamp(const Tensor& x, const ClampOptions& options);

// Comparisons give bool and have no gradient. NaN is unequal to everything.
[[nodiscard]] Tensor eq(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor ne(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor lt(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor le(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor gt(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor ge(const Tensor& a, const Tensor& b);

// a where the bool mask (DTypeError) is true, else b; all three broadcast. Gradients are selected likewise: NaN at
// places not chosen does not leak.
[[nodiscard]] Tensor where(const Tensor& mask, const Tensor& a, const Tensor& b);

}  // namespace gossamer
#pragma GCC visibility pop
