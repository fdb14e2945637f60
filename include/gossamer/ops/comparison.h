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
[[nodiscard]] inline Tensor clamp(const Tensor& x, double min, double max) {
  return clamp(x, ClampOptions{.min = min, .max = max});
}

// Comparisons give bool and have no gradient. NaN is unequal to everything.
[[nodiscard]] Tensor eq(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor ne(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor lt(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor le(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor gt(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor ge(const Tensor& a, const Tensor& b);
// With a number: rounded to the dtype of a floating x, as in arithmetic; integers and masks (0 and 1) are compared with
// the number itself.
[[nodiscard]] Tensor eq(const Tensor& x, double number);
[[nodiscard]] Tensor ne(const Tensor& x, double number);
[[nodiscard]] Tensor lt(const Tensor& x, double number);
[[nodiscard]] Tensor le(const Tensor& x, double number);
[[nodiscard]] Tensor gt(const Tensor& x, double number);
[[nodiscard]] Tensor ge(const Tensor& x, double number);
// There is no == and no !=, which would be read as a bool: eq() and ne() compare elements, equal() tensors.
[[nodiscard]] inline Tensor operator<(const Tensor& a, const Tensor& b) { return lt(a, b); }
[[nodiscard]] inline Tensor operator<=(const Tensor& a, const Tensor& b) { return le(a, b); }
[[nodiscard]] inline Tensor operator>(const Tensor& a, const Tensor& b) { return gt(a, b); }
[[nodiscard]] inline Tensor operator>=(const Tensor& a, const Tensor& b) { return ge(a, b); }
[[nodiscard]] inline Tensor operator<(const Tensor& x, double number) { return lt(x, number); }
[[nodiscard]] inline Tensor operator<=(const Tensor& x, double number) { return le(x, number); }
[[nodiscard]] inline Tensor operator>(const Tensor& x, double number) { return gt(x, number); }
[[nodiscard]] inline Tensor operator>=(const Tensor& x, double number) { return ge(x, number); }
[[nodiscard]] inline Tensor operator<(double number, const Tensor& x) { return gt(x, number); }
[[nodiscard]] inline Tensor operator<=(double number, const Tensor& x) { return ge(x, number); }
[[nodiscard]] inline Tensor operator>(double number, const Tensor& x) { return lt(x, number); }
[[nodiscard]] inline Tensor operator>=(double number, const Tensor& x) { return le(x, number); }

// Where x is NaN; where it is neither NaN nor infinite. Any dtype: integers are finite.
[[nodiscard]] Tensor isnan(const Tensor& x);
[[nodiscard]] Tensor isfinite(const Tensor& x);

// Whether both have the same shape, dtype and elements. NaN equals nothing; 0 equals -0.
[[nodiscard]] bool equal(const Tensor& a, const Tensor& b);

struct AllcloseOptions {
  double rtol = 1e-5;  // at least 0 both (ConfigError)
  double atol = 1e-8;
  bool equal_nan = false;  // NaN is close to NaN
};
// Whether |a - b| <= atol + rtol |b| for all elements, in double, with broadcasting; an infinity is close to itself
// alone. Any one dtype. As torch.allclose.
[[nodiscard]] bool allclose(const Tensor& a, const Tensor& b, const AllcloseOptions& options = {});

// Of masks (DTypeError for others).
[[nodiscard]] Tensor logical_and(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor logical_or(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor logical_xor(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor logical_not(const Tensor& x);

// a where the bool mask (DTypeError) is true, else b; all three broadcast. Gradients are selected likewise: NaN at
// places not chosen does not leak.
[[nodiscard]] Tensor where(const Tensor& mask, const Tensor& a, const Tensor& b);
// With a number on one side, converted to the dtype of the other as by Tensor::to.
[[nodiscard]] Tensor where(const Tensor& mask, const Tensor& a, double b);
[[nodiscard]] Tensor where(const Tensor& mask, double a, const Tensor& b);

// x with `value`, converted as by Tensor::to, where the bool mask is true; both broadcast.
[[nodiscard]] Tensor masked_fill(const Tensor& x, const Tensor& mask, double value);

}  // namespace gossamer
#pragma GCC visibility pop
