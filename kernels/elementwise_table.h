// The table of elementwise kernels: each row gives a kernel its name, its tolerance, its scalar specification and its
// Highway body, from which reference, dispatch and tests on every target follow, for float and double.
//
//   X(Name, ulp, reference, simd)
//   ulp        the largest distance of simd from reference, in units in the last place; 0 asks for equal bits
//   reference  a scalar expression in T, with the functions of kernels/reference/elementwise.h; operands are x, or a
//              and b
//   simd       the same on vectors V of tag d, with hn:: (highway) and the functions of kernels/math-inl.h
#pragma once

#include <cstdint>

// clang-format off
#define GOSSAMER_UNARY_KERNELS(X)                                                                                      \
  X(Neg, 0, -x, hn::Neg(x))                                                                                            \
  /* This way round NaN passes through, as in torch. */                                                                \
  X(Relu, 0, x <= T(0) ? T(0) : x, hn::IfThenZeroElse(hn::Le(x, hn::Zero(d)), x))                                      \
  X(Exp, 2, std::exp(x), TotalExp(d, x))                                                                               \
  X(Log, 3, std::log(x), TotalLog(d, x))                                                                               \
  X(Expm1, 3, std::expm1(x), TotalExpm1(d, x))                                                                         \
  X(Log1p, 3, std::log1p(x), TotalLog1p(d, x))                                                                         \
  X(Sqrt, 0, std::sqrt(x), hn::Sqrt(x))                                                                                \
  X(Rsqrt, 0, T(1) / std::sqrt(x), hn::Div(hn::Set(d, 1), hn::Sqrt(x)))                                                \
  X(Abs, 0, std::abs(x), hn::Abs(x))                                                                                   \
  X(Reciprocal, 0, T(1) / x, hn::Div(hn::Set(d, 1), x))                                                                \
  /* Zeros and NaN are their own. */                                                                                   \
  X(Sign, 0, x > T(0) ? T(1) : x < T(0) ? T(-1) : x,                                                                   \
    hn::IfThenElse(hn::Gt(x, hn::Zero(d)), hn::Set(d, 1), hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Set(d, -1), x)))  \
  X(Floor, 0, std::floor(x), hn::Floor(x))                                                                             \
  X(Ceil, 0, std::ceil(x), hn::Ceil(x))                                                                                \
  /* Of two as near, the even one. */                                                                                  \
  X(Round, 0, std::nearbyint(x), hn::Round(x))                                                                         \
  X(Erf, 3, std::erf(x), TotalErf(d, x))                                                                               \
  X(Hardsigmoid, 0, hard_gate(x), HardGate(d, x))                                                                      \
  X(Hardswish, 0, x * hard_gate(x), hn::Mul(x, HardGate(d, x)))                                                        \
  X(Sin, 3, std::sin(x), TotalSin(d, x))                                                                               \
  X(Cos, 3, std::cos(x), TotalCos(d, x))                                                                               \
  X(Tanh, 4, std::tanh(x), TotalTanh(d, x))                                                                            \
  X(Sigmoid, 4, T(1) / (T(1) + std::exp(-x)), Sigmoid(d, x))                                                           \
  X(Silu, 4, x / (T(1) + std::exp(-x)), hn::Div(x, hn::Add(hn::Set(d, 1), TotalExp(d, hn::Neg(x)))))                   \
  X(Gelu, 12, gelu(x), Gelu(d, x))                                                                                     \
  X(GeluTanh, 6, x / (T(1) + std::exp(-gelu_tanh_argument(x))), hn::Mul(x, Sigmoid(d, GeluTanhArgument(d, x))))

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
    hn::IfThenElse(hn::Gt(a, b), b, hn::IfThenElse(hn::Lt(a, hn::Neg(b)), hn::Neg(b), a)))                             \
  /* Gradients: a is the output of exp - 1, sqrt, 1 / sqrt, 1 / x, tanh, sigmoid, the input of others; b the gradient. */ \
  X(LogGrad, 0, b / a, hn::Div(b, a))                                                                                  \
  X(Expm1Grad, 0, b * (a + T(1)), hn::Mul(b, hn::Add(a, hn::Set(d, 1))))                                               \
  X(Log1pGrad, 0, b / (a + T(1)), hn::Div(b, hn::Add(a, hn::Set(d, 1))))                                               \
  X(SqrtGrad, 0, b / (a + a), hn::Div(b, hn::Add(a, a)))                                                               \
  X(RsqrtGrad, 0, T(-0.5) * b * (a * (a * a)), hn::Mul(hn::Mul(hn::Set(d, -0.5F), b), hn::Mul(a, hn::Mul(a, a))))      \
  X(AbsGrad, 0, a > T(0) ? b : a < T(0) ? -b : T(0),                                                                   \
    hn::IfThenElse(hn::Gt(a, hn::Zero(d)), b, hn::IfThenElseZero(hn::Lt(a, hn::Zero(d)), hn::Neg(b))))                 \
  X(ReciprocalGrad, 0, -b * (a * a), hn::Mul(hn::Neg(b), hn::Mul(a, a)))                                               \
  X(ErfGrad, 6, b * erf_slope(a), hn::Mul(b, ErfSlope(d, a)))                                                          \
  X(HardsigmoidGrad, 0, a > T(-3) && a < T(3) ? b / T(6) : T(0),                                                       \
    hn::IfThenElseZero(hn::And(hn::Gt(a, hn::Set(d, -3)), hn::Lt(a, hn::Set(d, 3))), hn::Div(b, hn::Set(d, 6))))       \
  X(HardswishGrad, 0, a < T(-3) ? T(0) : a <= T(3) ? b * (a / T(3) + T(0.5)) : b,                                      \
    hn::IfThenZeroElse(hn::Lt(a, hn::Set(d, -3)),                                                                      \
                       hn::IfThenElse(hn::Le(a, hn::Set(d, 3)),                                                        \
                                      hn::Mul(b, hn::Add(hn::Div(a, hn::Set(d, 3)), hn::Set(d, 0.5F))), b)))           \
  /* a where it is positive, else b (exp(a) - 1); and its slope. */                                                    \
  X(Elu, 3, a > T(0) ? a : b * std::expm1(a), hn::IfThenElse(hn::Gt(a, hn::Zero(d)), a, hn::Mul(b, TotalExpm1(d, a)))) \
  X(EluSlope, 2, a > T(0) ? T(1) : b * std::exp(a),                                                                    \
    hn::IfThenElse(hn::Gt(a, hn::Zero(d)), hn::Set(d, 1), hn::Mul(b, TotalExp(d, a))))                                 \
  X(SinGrad, 4, b * std::cos(a), hn::Mul(b, TotalCos(d, a)))                                                           \
  X(CosGrad, 4, -b * std::sin(a), hn::Mul(hn::Neg(b), TotalSin(d, a)))                                                 \
  X(TanhGrad, 0, b * (T(1) - a * a), hn::Mul(b, hn::Sub(hn::Set(d, 1), hn::Mul(a, a))))                                \
  X(SigmoidGrad, 0, b * (a * (T(1) - a)), hn::Mul(b, hn::Mul(a, hn::Sub(hn::Set(d, 1), a))))                           \
  /* These have a zero, around which the rounding of their terms stands out. */                                        \
  X(SiluGrad, 64, b * silu_slope(a), hn::Mul(b, SiluSlope(d, a)))                                                      \
  X(GeluGrad, 128, b * gelu_slope(a), hn::Mul(b, GeluSlope(d, a)))                                                      \
  X(GeluTanhGrad, 64, b * gelu_tanh_slope(a), hn::Mul(b, GeluTanhSlope(d, a)))                                         \
  /* b: the slope below 0. */                                                                                          \
  X(LeakyRelu, 0, a > T(0) ? a : a * b, hn::IfThenElse(hn::Gt(a, hn::Zero(d)), a, hn::Mul(a, b)))                      \
  X(LeakyReluSlope, 0, a > T(0) ? T(1) : b, hn::IfThenElse(hn::Gt(a, hn::Zero(d)), hn::Set(d, 1), b))                  \
  /* NaN wins. */                                                                                                      \
  X(Maximum, 0, a > b || a != a ? a : b, hn::IfThenElse(hn::Or(hn::Gt(a, b), hn::IsNaN(a)), a, b))                     \
  X(Minimum, 0, a < b || a != a ? a : b, hn::IfThenElse(hn::Or(hn::Lt(a, b), hn::IsNaN(a)), a, b))                     \
  /* The share of a in the gradient of their maximum: half at ties, all of it for both where one is NaN, as in torch. */\
  X(MaximumShare, 0, a < b ? T(0) : a == b ? T(0.5) : T(1),                                                            \
    hn::IfThenZeroElse(hn::Lt(a, b), hn::IfThenElse(hn::Eq(a, b), hn::Set(d, 0.5F), hn::Set(d, 1))))                   \
  /* Comparisons: 1 or 0. */                                                                                           \
  X(Equal, 0, a == b ? T(1) : T(0), hn::IfThenElseZero(hn::Eq(a, b), hn::Set(d, 1)))                                   \
  X(NotEqual, 0, a != b ? T(1) : T(0), hn::IfThenZeroElse(hn::Eq(a, b), hn::Set(d, 1)))                                \
  X(Less, 0, a < b ? T(1) : T(0), hn::IfThenElseZero(hn::Lt(a, b), hn::Set(d, 1)))                                     \
  X(LessEqual, 0, a <= b ? T(1) : T(0), hn::IfThenElseZero(hn::Le(a, b), hn::Set(d, 1)))                               \
  X(Greater, 0, a > b ? T(1) : T(0), hn::IfThenElseZero(hn::Gt(a, b), hn::Set(d, 1)))                                  \
  X(GreaterEqual, 0, a >= b ? T(1) : T(0), hn::IfThenElseZero(hn::Ge(a, b), hn::Set(d, 1)))                            \
  /* a^b; its slope in a, and in b: 0 where torch has it so. */                                                        \
  X(Pow, 2, std::pow(a, b), TotalPow(d, a, b))                                                                         \
  X(PowSlope, 2, b == T(0) ? T(0) : b * std::pow(a, b - T(1)),                                                         \
    hn::IfThenZeroElse(hn::Eq(b, hn::Zero(d)), hn::Mul(b, TotalPow(d, a, hn::Sub(b, hn::Set(d, 1))))))                 \
  X(PowExponentSlope, 6, a == T(0) && b >= T(0) ? T(0) : std::pow(a, b) * std::log(a),                                 \
    hn::IfThenZeroElse(hn::And(hn::Eq(a, hn::Zero(d)), hn::Ge(b, hn::Zero(d))),                                        \
                       hn::Mul(TotalPow(d, a, b), TotalLog(d, a))))
// clang-format on

namespace gossamer::kernels {

#define GOSSAMER_KERNEL_NAME(NAME, ULP, REFERENCE, SIMD) NAME,
enum class Unary : uint8_t { GOSSAMER_UNARY_KERNELS(GOSSAMER_KERNEL_NAME) };
enum class Binary : uint8_t { GOSSAMER_BINARY_KERNELS(GOSSAMER_KERNEL_NAME) };
#undef GOSSAMER_KERNEL_NAME

}  // namespace gossamer::kernels
