// The table of elementwise kernels: each row gives a kernel its name, its tolerance, its scalar specification and its
// Highway body, from which reference, dispatch and tests on every target follow, for float and double.
//
//   X(Name, ulp, reference, simd)
//   ulp        the largest distance of simd from reference, in units in the last place; 0 asks for equal bits
//   reference  a scalar expression in T; operands are x, or a and b
//   simd       the same on vectors V of tag d, with hn:: (highway) and TotalExp of kernels/math-inl.h
#pragma once

#include <cstdint>

// clang-format off
#define GOSSAMER_UNARY_KERNELS(X)                                                                                      \
  X(Neg, 0, -x, hn::Neg(x))                                                                                            \
  /* This way round NaN passes through, as in torch. */                                                                \
  X(Relu, 0, x <= T(0) ? T(0) : x, hn::IfThenZeroElse(hn::Le(x, hn::Zero(d)), x))                                      \
  X(Exp, 2, std::exp(x), TotalExp(d, x))

#define GOSSAMER_BINARY_KERNELS(X)                                                                                     \
  X(Add, 0, a + b, hn::Add(a, b))                                                                                      \
  X(Sub, 0, a - b, hn::Sub(a, b))                                                                                      \
  X(Mul, 0, a * b, hn::Mul(a, b))                                                                                      \
  X(Div, 0, a / b, hn::Div(a, b))                                                                                      \
  /* a: the input or the output of relu, b: the gradient. A NaN in b where a <= 0 does not leak. */                    \
  X(ReluGrad, 0, a > T(0) ? b : T(0), hn::IfThenElseZero(hn::Gt(a, hn::Zero(d)), b))                                   \
  /* 1 where a and b are equal, or both are NaN; else 0. */                                                            \
  X(Same, 0, a == b || (a != a && b != b) ? T(1) : T(0),                                                               \
    hn::IfThenElseZero(hn::Or(hn::Eq(a, b), hn::And(hn::IsNaN(a), hn::IsNaN(b))), hn::Set(d, 1)))                       \
  /* b where a is not 0, else 0: a NaN in b is selected away. */                                                       \
  X(Where, 0, a != T(0) ? b : T(0), hn::IfThenZeroElse(hn::Eq(a, hn::Zero(d)), b))                                     \
  /* log(1 + exp(a)), a itself above the threshold b; and its slope. */                                               \
  X(Softplus, 4, a > b ? a : (a < T(0) ? T(0) : a) + std::log1p(std::exp(-std::abs(a))),                               \
    hn::IfThenElse(hn::Or(hn::Gt(a, b), hn::IsNaN(a)), a,                                                              \
                   hn::Add(hn::IfThenZeroElse(hn::Lt(a, hn::Zero(d)), a),                                              \
                           hn::Log1p(d, TotalExp(d, hn::Neg(hn::Abs(a)))))))                                           \
  X(SoftplusSlope, 4, a > b ? T(1) : T(1) / (T(1) + std::exp(-a)),                                                     \
    hn::IfThenElse(hn::Gt(a, b), hn::Set(d, 1), hn::Div(hn::Set(d, 1), hn::Add(hn::Set(d, 1), TotalExp(d, hn::Neg(a))))))\
  /* min(max(a, -b), b) for b >= 0; NaN in a stays NaN. */                                                             \
  X(ClampAbs, 0, a > b ? b : (a < -b ? -b : a),                                                                        \
    hn::IfThenElse(hn::Gt(a, b), b, hn::IfThenElse(hn::Lt(a, hn::Neg(b)), hn::Neg(b), a)))
// clang-format on

namespace gossamer::kernels {

#define GOSSAMER_KERNEL_NAME(NAME, ULP, REFERENCE, SIMD) NAME,
enum class Unary : uint8_t { GOSSAMER_UNARY_KERNELS(GOSSAMER_KERNEL_NAME) };
enum class Binary : uint8_t { GOSSAMER_BINARY_KERNELS(GOSSAMER_KERNEL_NAME) };
#undef GOSSAMER_KERNEL_NAME

}  // namespace gossamer::kernels
