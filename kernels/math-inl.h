// Transcendental functions on vectors of float and double, defined for every argument: over Highway's hwy/contrib/math
// where that is exact enough, else written here. Included once per target, after hwy/highway.h.
//
// Exp, Log, Expm1, Log1p, Sin, Cos and Tanh of float stay within one unit in the last place of the rounded result on
// AVX-512, AVX2, SSE4 and without vectors, over tests/golden/umath_f32_ulp.csv. Errors given below are the largest over
// millions of arguments, in such units; Highway's are those of 1.0.3.
#if defined(GOSSAMER_KERNELS_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GOSSAMER_KERNELS_MATH_INL_H_
#undef GOSSAMER_KERNELS_MATH_INL_H_
#else
#define GOSSAMER_KERNELS_MATH_INL_H_
#endif

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gossamer::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class D>
HWY_INLINE hn::Vec<D> Infinity(D d) {
  return hn::Set(d, std::numeric_limits<hn::TFromD<D>>::infinity());
}

// f of each lane, by the scalar function.
template <class D, class V, class F>
HWY_INLINE V PerLane(D d, V a, V b, const F& f) {
  using T = hn::TFromD<D>;
  constexpr size_t kLanes = hn::MaxLanes(d);
  HWY_ALIGN T left[kLanes];
  HWY_ALIGN T right[kLanes];
  hn::Store(a, d, left);
  hn::Store(b, d, right);
  for (size_t i = 0; i < kLanes; ++i) left[i] = f(left[i], right[i]);
  return hn::Load(d, left);
}
template <class D, class V, class F>
HWY_INLINE V PerLane(D d, V x, const F& f) {
  return PerLane(d, x, x, [&f](auto lane, auto) { return f(lane); });
}

// f(tag, x...) in double, rounded to the type of D.
template <class D, class F, class... V>
HWY_INLINE hn::Vec<D> InDouble(D d, const F& f, V... x) {
  if constexpr (sizeof(hn::TFromD<D>) == 8) {
    return f(d, x...);
  } else {
#if HWY_TARGET == HWY_SCALAR  // has no halves
    const hn::Rebind<double, D> wide;
    return hn::DemoteTo(d, f(wide, hn::PromoteTo(wide, x)...));
#else
    const hn::Half<D> half;
    const hn::Rebind<double, hn::Half<D>> wide;
    const auto upper = hn::DemoteTo(half, f(wide, hn::PromoteTo(wide, hn::UpperHalf(half, x))...));
    return hn::Combine(d, upper, hn::DemoteTo(half, f(wide, hn::PromoteTo(wide, hn::LowerHalf(half, x))...)));
#endif
  }
}

// c[0] + c[1] x + c[2] x^2 + ...
template <class D, class V, size_t kTerms>
HWY_INLINE V Polynomial(D d, V x, const hn::TFromD<D> (&c)[kTerms]) {
  V y = hn::Set(d, c[kTerms - 1]);
  for (size_t i = kTerms - 1; i-- > 0;) y = hn::MulAdd(y, x, hn::Set(d, c[i]));
  return y;
}

// For any argument. Highway's is 0 for NaN, and undefined where the result overflows.
template <class D, class V>
HWY_NOINLINE V AnyExp(D d, V x) {
  using T = hn::TFromD<D>;
  const V bound = hn::Set(d, sizeof(T) == 4 ? T(88.72283935546875) : T(709.782712893384));  // the largest finite result
  const V y = hn::Exp(d, hn::Min(x, bound));
  const V high = hn::IfThenElse(hn::Gt(x, bound), Infinity(d), y);
  return hn::IfThenElse(hn::IsNaN(x), x, high);
}

// Where the exponents of all results are those of normal floats, they are added as integers: the bits of AnyExp in half
// of the time.
template <class D, class V>
HWY_INLINE V TotalExp(D d, V x) {
  using T = hn::TFromD<D>;
  if constexpr (sizeof(T) == 8) {
    return AnyExp(d, x);
  } else {
    if (HWY_UNLIKELY(!hn::AllTrue(d, hn::Le(hn::Abs(x), hn::Set(d, 87))))) return AnyExp(d, x);
    const hn::RebindToUnsigned<D> bits;
    const V half = hn::Or(hn::Set(d, 0.5F), hn::And(x, hn::Set(d, -0.0F)));
    const V q = hn::Trunc(hn::MulAdd(x, hn::Set(d, 1.442695040888963407F), half));
    // log(2) in two parts: products with the first are exact.
    const V r = hn::MulAdd(q, hn::Set(d, -1.428606765330187e-6F), hn::MulAdd(q, hn::Set(d, -0.693145751953125F), x));
    const V square = hn::Mul(r, r);
    const auto pair = [=](float c0, float c1) HWY_ATTR { return hn::MulAdd(hn::Set(d, c1), r, hn::Set(d, c0)); };
    V p = hn::MulAdd(square, pair(0.0416664853692F, 0.00833336077630519867F), pair(0.5F, 0.166666671633720398F));
    p = hn::MulAdd(hn::Mul(square, square), pair(0.00139304355252534151F, 0.000198527617612853646F), p);
    const V y = hn::Add(hn::MulAdd(p, square, r), hn::Set(d, 1));
    // q stands in the lowest bits of its sum with 1.5 * 2^23.
    const auto exponent = hn::ShiftLeft<23>(hn::BitCast(bits, hn::Add(q, hn::Set(d, 12582912))));
    return hn::BitCast(d, hn::Add(hn::BitCast(bits, y), exponent));
  }
}

// Highway's is finite for 0, negative numbers, infinity and NaN.
template <class D, class V>
HWY_INLINE V TotalLog(D d, V x) {
  using T = hn::TFromD<D>;
  const V zero = hn::Zero(d);
  const V nan = hn::Set(d, std::numeric_limits<T>::quiet_NaN());
  const V outside = hn::IfThenElse(hn::Eq(x, zero), hn::Neg(Infinity(d)), hn::IfThenElse(hn::Gt(x, zero), x, nan));
  return hn::IfThenElse(hn::And(hn::Gt(x, zero), hn::Lt(x, Infinity(d))), hn::Log(d, x), outside);
}

// log(y) for the rounded y = 1 + x, plus what rounding took: 1.4 units. Highway multiplies by a quotient instead: 2.4.
template <class D, class V>
HWY_INLINE V TotalLog1p(D d, V x) {
  const V one = hn::Set(d, 1);
  const V y = hn::Add(x, one);
  const V lost = hn::IfThenElse(hn::Gt(x, one), hn::Sub(one, hn::Sub(y, x)), hn::Sub(x, hn::Sub(y, one)));
  const V log = TotalLog(d, y);
  const auto regular = hn::And(hn::Gt(y, hn::Zero(d)), hn::Lt(y, Infinity(d)));
  const V sum = hn::IfThenElse(regular, hn::Add(log, hn::Div(lost, y)), log);
  return hn::IfThenElse(hn::Eq(y, one), x, sum);  // keeps -0
}

// 2^q (1 + p) - 1 with exp(x) = 2^q (1 + p), as 2^q p + (2^q - 1): 1.4 units. Highway subtracts 1
// from the rounded exp(x): 3.5.
template <class D, class V>
HWY_INLINE V TotalExpm1(D d, V x) {
  using T = hn::TFromD<D>;
  constexpr bool kFloat = sizeof(T) == 4;
  const hn::RebindToUnsigned<D> bits;
  const V low = hn::Set(d, kFloat ? T(-20) : T(-40));  // the result is -1
  const V high = hn::Set(d, kFloat ? T(88.72283935546875) : T(709.782712893384));
  const V bounded = hn::Min(hn::Max(x, low), high);

  // log(2) in two parts: products with the first are exact.
  const V q = hn::Round(hn::Mul(bounded, hn::Set(d, T(1.442695040888963407359924681))));
  V r = hn::NegMulAdd(q, hn::Set(d, kFloat ? T(0.693145751953125) : T(0.6931471803691238)), bounded);
  r = hn::NegMulAdd(q, hn::Set(d, kFloat ? T(1.428606765330187e-6) : T(1.9082149292705877e-10)), r);
  V p;
  if constexpr (kFloat) {
    constexpr T kTaylor[] = {1.0F / 2, 1.0F / 6, 1.0F / 24, 1.0F / 120, 1.0F / 720, 1.0F / 5040, 1.0F / 40320};
    p = Polynomial(d, r, kTaylor);
  } else {
    constexpr T kTaylor[] = {1.0 / 2,       1.0 / 6,        1.0 / 24,        1.0 / 120,
                             1.0 / 720,     1.0 / 5040,     1.0 / 40320,     1.0 / 362880,
                             1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};
    p = Polynomial(d, r, kTaylor);
  }
  p = hn::MulAdd(p, hn::Mul(r, r), r);

  // 2^(q-1), which is finite for every q: q stands in the lowest bits of its sum with `shift`.
  const V shift = hn::Set(d, kFloat ? T(12582912) : T(6755399441055744));
  constexpr int kMantissa = kFloat ? 23 : 52;
  const auto exponent = hn::Add(hn::BitCast(bits, hn::Add(q, shift)), hn::Set(bits, kFloat ? 126 : 1022));
  const V half = hn::BitCast(d, hn::ShiftLeft<kMantissa>(exponent));
  const V sum = hn::MulAdd(half, p, hn::Sub(half, hn::Set(d, T(0.5))));

  V y = hn::Add(sum, sum);
  y = hn::IfThenElse(hn::Gt(x, high), Infinity(d), y);
  const V tiny = hn::Set(d, std::numeric_limits<T>::epsilon() / 4);
  return hn::IfThenElse(hn::Or(hn::Lt(hn::Abs(x), tiny), hn::IsNaN(x)), x, y);  // keeps -0
}

// A polynomial for small x, else 1 - 2 / (exp(2 |x|) + 1): 1.3 units for floats. Highway's has 2.9.
template <class D, class V>
HWY_INLINE V TotalTanh(D d, V x) {
  using T = hn::TFromD<D>;
  const V one = hn::Set(d, 1);
  const V two = hn::Set(d, 2);
  const V size = hn::Abs(x);
  const V large = hn::Sub(one, hn::Div(two, hn::Add(TotalExp(d, hn::Add(size, size)), one)));
  V small;
  if constexpr (sizeof(T) == 4) {
    // Chebyshev interpolation of (tanh(x) / x - 1) / x^2 in x^2 on [0, 0.625^2].
    constexpr T kTerms[] = {-0.33333334F, 0.13333304F, -0.053959407F, 0.021769961F, -0.0083469804F, 0.0022958413F};
    const V square = hn::Mul(x, x);
    small = hn::MulAdd(Polynomial(d, square, kTerms), hn::Mul(square, size), size);
  } else {
    const V grown = TotalExpm1(d, hn::Add(size, size));
    small = hn::Div(grown, hn::Add(grown, two));
  }
  // NaN is not below the bound, and passes through `large`.
  return hn::CopySign(hn::IfThenElse(hn::Lt(size, hn::Set(d, T(0.625))), small, large), x);
}

// Floats are computed in double, 0.6 units; numbers beyond Highway's range by the scalar function. Highway's own for
// floats have 2.4.
template <class D, class V>
HWY_INLINE V TotalSin(D d, V x) {
  using T = hn::TFromD<D>;
  const auto inside = hn::Le(hn::Abs(x), hn::Set(d, T(39000)));
  const V sine = InDouble(
      d, [](auto wide, auto v) HWY_ATTR { return hn::Sin(wide, v); }, hn::IfThenElseZero(inside, x));
  const V y = hn::IfThenElse(hn::Eq(x, hn::Zero(d)), x, sine);  // keeps -0
  if (HWY_LIKELY(hn::AllTrue(d, inside))) return y;
  return hn::IfThenElse(inside, y, PerLane(d, x, [](T lane) { return std::sin(lane); }));
}
template <class D, class V>
HWY_INLINE V TotalCos(D d, V x) {
  using T = hn::TFromD<D>;
  const auto inside = hn::Le(hn::Abs(x), hn::Set(d, T(39000)));
  const V y = InDouble(
      d, [](auto wide, auto v) HWY_ATTR { return hn::Cos(wide, v); }, hn::IfThenElseZero(inside, x));
  if (HWY_LIKELY(hn::AllTrue(d, inside))) return y;
  return hn::IfThenElse(inside, y, PerLane(d, x, [](T lane) { return std::cos(lane); }));
}

// exp(b log(a)) in double is exact enough for floats with a > 0 and a result inside their range. The rest, and double,
// take the scalar function.
template <class D, class V>
HWY_INLINE V TotalPow(D d, V a, V b) {
  using T = hn::TFromD<D>;
  const auto scalar = [](T x, T y) { return std::pow(x, y); };
  if constexpr (sizeof(T) == 8) {
    return PerLane(d, a, b, scalar);
  } else {
    // The float estimate of the exponent only chooses the way.
    const V largest = hn::Set(d, std::numeric_limits<T>::max());
    const auto positive = hn::And(hn::Gt(a, hn::Zero(d)), hn::Le(a, largest));
    const V base = hn::IfThenElse(positive, a, hn::Set(d, 1));
    const auto moderate = hn::Le(hn::Abs(hn::Mul(b, hn::Log(d, base))), hn::Set(d, T(87)));
    const auto inside = hn::And(positive, moderate);
    const auto power = [](auto wide, auto x, auto y) HWY_ATTR { return hn::Exp(wide, hn::Mul(y, hn::Log(wide, x))); };
    const V y = InDouble(d, power, base, hn::IfThenElseZero(inside, b));
    if (HWY_LIKELY(hn::AllTrue(d, inside))) return y;
    return hn::IfThenElse(inside, y, PerLane(d, a, b, scalar));
  }
}

// 1 / (1 + exp(-x))
template <class D, class V>
HWY_INLINE V Sigmoid(D d, V x) {
  const V one = hn::Set(d, 1);
  return hn::Div(one, hn::Add(one, TotalExp(d, hn::Neg(x))));
}

// The slope of x Sigmoid(x).
template <class D, class V>
HWY_INLINE V SiluSlope(D d, V x) {
  const V one = hn::Set(d, 1);
  const V s = Sigmoid(d, x);
  return hn::Mul(s, hn::MulAdd(x, hn::Sub(one, s), one));
}

// x / 6 + 1/2 between 0 and 1; NaN stays NaN.
template <class D, class V>
HWY_INLINE V HardGate(D d, V x) {
  const V zero = hn::Zero(d);
  const V six = hn::Set(d, 6);
  const V y = hn::Add(x, hn::Set(d, 3));
  return hn::Div(hn::IfThenElse(hn::Lt(y, zero), zero, hn::IfThenElse(hn::Gt(y, six), six, y)), six);
}

// exp(-factor x^2) for a factor of 1/2 or 1, unspecified for NaN. For floats the square is taken in two parts, of which
// the first is exact: its rounding would cost 32 units in the last place where the result is near the smallest float.
template <class D, class V>
HWY_INLINE V ExpOfMinusSquare(D d, V x, hn::TFromD<D> factor) {
  using T = hn::TFromD<D>;
  const V minus = hn::Set(d, -factor);
  if constexpr (sizeof(T) == 8) {
    return TotalExp(d, hn::Mul(hn::Mul(x, x), minus));
  } else {
    const hn::RebindToUnsigned<D> bits;
    const V size = hn::Min(hn::Abs(x), hn::Set(d, 15));  // beyond, the result is 0
    const V high = hn::BitCast(d, hn::And(hn::BitCast(bits, size), hn::Set(bits, 0xFFFFF000)));
    const V low = hn::Mul(hn::Mul(hn::Sub(size, high), hn::Add(size, high)), minus);  // above -0.05 before it is 0
    constexpr T kTaylor[] = {1, 1, 1.0F / 2, 1.0F / 6, 1.0F / 24};
    return hn::Mul(TotalExp(d, hn::Mul(hn::Mul(high, high), minus)), Polynomial(d, low, kTaylor));
  }
}

// exp(-x^2 / 2)
template <class D, class V>
HWY_INLINE V Bell(D d, V x) {
  return ExpOfMinusSquare(d, x, hn::TFromD<D>(0.5));
}

// erfc(size / sqrt(2)) / 2 for size >= 0: t P(t) bell with t = 1 / (1 + 0.33 size) and bell = exp(-size^2 / 2), P by
// Chebyshev interpolation for sizes below 14.5, beyond which the result is 0. P is exact to 1.2 units in the last
// place. `size` may be given in another unit, where `slope` is 0.33 in it.
template <class D, class V>
HWY_INLINE V NormalTail(D d, V size, float slope, V bell) {
  constexpr float kTerms[] = {0.13163546F, 0.13200970F,  0.11380445F,  0.10756829F,  -0.010959046F,
                              0.13160487F, -0.14564207F, 0.024809174F, 0.023931021F, -0.0087618604F};
  const V one = hn::Set(d, 1);
  const V t = hn::Div(one, hn::MulAdd(hn::Set(d, slope), size, one));
  return hn::Mul(hn::Mul(t, Polynomial(d, t, kTerms)), bell);
}

// The normal distribution function, erfc(-x / sqrt(2)) / 2. For x < 0 it has no cancellation, as 1 + erf has.
template <class D, class V>
HWY_INLINE V NormalCdf(D d, V x, V bell) {
  using T = hn::TFromD<D>;
  if constexpr (sizeof(T) == 8) {
    return PerLane(d, x, [](T lane) { return T(0.5) * std::erfc(lane * T(-0.70710678118654752440)); });
  } else {
    const V tail = NormalTail(d, hn::Abs(x), 0.33F, bell);
    return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), hn::Sub(hn::Set(d, 1), tail), tail);
  }
}

// A polynomial for small |x|, else 1 - erfc(|x|).
template <class D, class V>
HWY_INLINE V TotalErf(D d, V x) {
  using T = hn::TFromD<D>;
  if constexpr (sizeof(T) == 8) {
    return PerLane(d, x, [](T lane) { return std::erf(lane); });
  } else {
    // Chebyshev interpolation of erf(x) / x - 1 in x^2 on [0, 1].
    constexpr T kTerms[] = {0.128379167F,   -0.376126385F,    0.112837825F,   -0.0268654307F,
                            0.00522103181F, -0.000848408041F, 0.00011265959F, -0.00000966704457F};
    const V one = hn::Set(d, 1);
    const V size = hn::Abs(x);
    const V small = hn::MulAdd(Polynomial(d, hn::Mul(x, x), kTerms), x, x);
    const V tail = NormalTail(d, size, 0.46669048F, ExpOfMinusSquare(d, x, T(1)));
    const V large = hn::CopySign(hn::NegMulAdd(hn::Set(d, 2), tail, one), x);
    return hn::IfThenElse(hn::Lt(size, one), small, large);
  }
}

template <class D, class V>
HWY_INLINE V ErfSlope(D d, V x) {
  using T = hn::TFromD<D>;
  const V slope = hn::Mul(hn::Set(d, T(1.12837916709551257390)), ExpOfMinusSquare(d, x, T(1)));
  return hn::IfThenElse(hn::IsNaN(x), x, slope);
}

template <class D, class V>
HWY_INLINE V Gelu(D d, V x) {
  return hn::Mul(x, NormalCdf(d, x, Bell(d, x)));
}
template <class D, class V>
HWY_INLINE V GeluSlope(D d, V x) {
  const V bell = Bell(d, x);
  return hn::Add(NormalCdf(d, x, bell), hn::Mul(x, hn::Mul(hn::Set(d, hn::TFromD<D>(0.39894228040143267794)), bell)));
}

// sqrt(8 / pi) (x + 0.044715 x^3): (1 + tanh(u)) / 2 is Sigmoid(2 u).
template <class D, class V>
HWY_INLINE V GeluTanhArgument(D d, V x) {
  using T = hn::TFromD<D>;
  const V cubic = hn::Mul(hn::Mul(hn::Set(d, T(0.044715)), hn::Mul(x, x)), x);
  return hn::Mul(hn::Set(d, T(1.5957691216057307118)), hn::Add(x, cubic));
}

// The slope of x Sigmoid(GeluTanhArgument(x)).
template <class D, class V>
HWY_INLINE V GeluTanhSlope(D d, V x) {
  using T = hn::TFromD<D>;
  const V one = hn::Set(d, 1);
  const V s = Sigmoid(d, GeluTanhArgument(d, x));
  const V inner =
      hn::Mul(hn::Set(d, T(1.5957691216057307118)), hn::MulAdd(hn::Set(d, T(0.134145)), hn::Mul(x, x), one));
  return hn::Mul(s, hn::MulAdd(hn::Mul(x, hn::Sub(one, s)), inner, one));
}

}  // namespace HWY_NAMESPACE
}  // namespace gossamer::kernels
HWY_AFTER_NAMESPACE();

#endif  // include guard
