// Arithmetic with broadcasting: sizes are aligned at the last dimension, and 1 stretches.
// Floating operands of one operation share a dtype (DTypeError); shapes that do not fit throw ShapeError. Each returns
// a new tensor and records its gradient unless NoGrad is alive.
#pragma once

#include <cstdint>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

[[nodiscard]] Tensor add(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor sub(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor mul(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor div(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor neg(const Tensor& x);
[[nodiscard]] Tensor add_scalar(const Tensor& x, double scalar);
[[nodiscard]] Tensor mul_scalar(const Tensor& x, double scalar);
[[nodiscard]] inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
[[nodiscard]] inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
[[nodiscard]] inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
[[nodiscard]] inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
[[nodiscard]] inline Tensor operator-(const Tensor& x) { return neg(x); }

}  // namespace gossamer
#pragma GCC visibility pop
