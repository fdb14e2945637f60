// Extremes, comparisons and choice, elementwise with broadcasting: sizes are aligned at the last dimension, and 1
// stretches. Operands of one operation share a dtype (DTypeError), any but where it says otherwise; floating ones carry
// gradients. Shapes that do not fit throw ShapeError.
#pragma once

#include <optional>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

// The larger and the smaller of both; NaN where one is NaN. The gradient goes to the operand chosen, half to each where
// they are equal, and whole to each where one is NaN, as in torch. Not of masks (DTypeError).
[[nodiscard]] Tensor maximum(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor minimum(const Tensor& a, const Tensor& b);

struct ClampOptions {
  std::optional<double> min = std::nullopt;  // one of both is set, and neither is NaN (ConfigError)
  std::optional<double> max = std::nullopt;  // below min: every element becomes max
};
// Each element of a floating tensor moved into [min, max]; NaN stays NaN. The gradient is selected where min <= x <=
// max.
[[nodiscard]] Tensor clamp(const Tensor& x, const ClampOptions& options);

// Comparisons give bool and have no gradient. NaN is unequal to everything.
[[nodiscard]] Tensor eq(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor ne(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor lt(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor le(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor gt(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor ge(const Tensor& a, const Tensor& b);

// Of masks (DTypeError for others).
[[nodiscard]] Tensor logical_and(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor logical_or(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor logical_xor(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor logical_not(const Tensor& x);

// a where the bool mask (DTypeError) is true, else b; all three broadcast. Gradients are selected likewise: NaN at
// places not chosen does not leak.
[[nodiscard]] Tensor where(const Tensor& mask, const Tensor& a, const Tensor& b);

// x with `value`, converted as by Tensor::to, where the bool mask is true; both broadcast.
[[nodiscard]] Tensor masked_fill(const Tensor& x, const Tensor& mask, double value);

}  // namespace gossamer
#pragma GCC visibility pop
