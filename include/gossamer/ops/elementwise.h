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
[[nodiscard]] Tensor div_scalar(const Tensor& x, double scalar);
[[nodiscard]] inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
[[nodiscard]] inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
[[nodiscard]] inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
[[nodiscard]] inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
[[nodiscard]] inline Tensor operator-(const Tensor& x) { return neg(x); }

// A number is rounded to the dtype of the tensor.
[[nodiscard]] inline Tensor operator+(const Tensor& x, double scalar) { return add_scalar(x, scalar); }
[[nodiscard]] inline Tensor operator+(double scalar, const Tensor& x) { return add_scalar(x, scalar); }
[[nodiscard]] inline Tensor operator-(const Tensor& x, double scalar) { return add_scalar(x, -scalar); }
[[nodiscard]] inline Tensor operator-(double scalar, const Tensor& x) { return add_scalar(neg(x), scalar); }
[[nodiscard]] inline Tensor operator*(const Tensor& x, double scalar) { return mul_scalar(x, scalar); }
[[nodiscard]] inline Tensor operator*(double scalar, const Tensor& x) { return mul_scalar(x, scalar); }
[[nodiscard]] inline Tensor operator/(const Tensor& x, double scalar) { return div_scalar(x, scalar); }
// scalar / x, with its gradient.
[[nodiscard]] Tensor operator/(double scalar, const Tensor& x);

// In place: every handle and view on the storage sees the new elements. `y` is broadcast to the shape of x, which stays
// as it is (ShapeError). Nothing is recorded: throws StateError where x has a gradient or a history, or y one, unless
// NoGrad is alive.
Tensor& operator+=(Tensor& x, const Tensor& y);
Tensor& operator-=(Tensor& x, const Tensor& y);
Tensor& operator*=(Tensor& x, const Tensor& y);
Tensor& operator/=(Tensor& x, const Tensor& y);
Tensor& operator+=(Tensor& x, double scalar);
Tensor& operator-=(Tensor& x, double scalar);
Tensor& operator*=(Tensor& x, double scalar);
Tensor& operator/=(Tensor& x, double scalar);

}  // namespace gossamer
#pragma GCC visibility pop
