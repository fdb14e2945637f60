// Mathematical functions, elementwise, any shape. Operands are f32 or f64 (DTypeError). Results are those of the
// functions of <cmath> to a few units in the last place, special values included; each records its gradient unless
// NoGrad is alive.
#pragma once

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

[[nodiscard]] Tensor exp(const Tensor& x);
// exp(x) - 1, exact for small x.
[[nodiscard]] Tensor expm1(const Tensor& x);
[[nodiscard]] Tensor log(const Tensor& x);
// log(1 + x), exact for small x.
[[nodiscard]] Tensor log1p(const Tensor& x);
[[nodiscard]] Tensor sqrt(const Tensor& x);
// 1 / sqrt(x)
[[nodiscard]] Tensor rsqrt(const Tensor& x);
// 1 / x
[[nodiscard]] Tensor reciprocal(const Tensor& x);
// 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.
[[nodiscard]] Tensor erf(const Tensor& x);
// -1, 0 or 1; NaN stays NaN. Its gradient is 0.
[[nodiscard]] Tensor sign(const Tensor& x);
// The next whole number below, above, and the nearest, the even one of two (std::nearbyint). Their gradients are 0.
[[nodiscard]] Tensor floor(const Tensor& x);
[[nodiscard]] Tensor ceil(const Tensor& x);
[[nodiscard]] Tensor round(const Tensor& x);
// Its gradient at 0 is 0.
[[nodiscard]] Tensor abs(const Tensor& x);
[[nodiscard]] Tensor sin(const Tensor& x);
[[nodiscard]] Tensor cos(const Tensor& x);

// x to the power of a number.
[[nodiscard]] Tensor pow(const Tensor& x, double exponent);
// With broadcasting (ShapeError where shapes do not fit); operands share a dtype. The gradient of x is 0 where the
// exponent is 0, and that of an exponent of 0 or more where x is 0.
[[nodiscard]] Tensor pow(const Tensor& x, const Tensor& exponent);

}  // namespace gossamer
#pragma GCC visibility pop
