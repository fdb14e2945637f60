// Reductions in Highway.
#include "kernels/reduce.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/reduce.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gossamer::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Doubles = hn::CappedTag<double, 8>;
constexpr int64_t kDoubles = static_cast<int64_t>(hn::MaxLanes(Doubles()));

// Consecutive elements as doubles.
HWY_INLINE hn::Vec<Doubles> LoadDoubles(const float* x) {
  return hn::PromoteTo(Doubles(), hn::LoadU(hn::Rebind<float, Doubles>(), x));
}
HWY_INLINE hn::Vec<Doubles> LoadDoubles(const double* x) { return hn::LoadU(Doubles(), x); }

// Σ of add(sum, i) over vectors, and of one(i) over the rest. Four chains hide the latency of the additions.
template <class Add, class One>
HWY_INLINE double SumVectors(int64_t n, const Add& add, const One& one) {
  const Doubles d;
  auto sum0 = hn::Zero(d);
  auto sum1 = hn::Zero(d);
  auto sum2 = hn::Zero(d);
  auto sum3 = hn::Zero(d);
  int64_t i = 0;
  for (; i + 4 * kDoubles <= n; i += 4 * kDoubles) {
    sum0 = add(sum0, i);
    sum1 = add(sum1, i + kDoubles);
    sum2 = add(sum2, i + 2 * kDoubles);
    sum3 = add(sum3, i + 3 * kDoubles);
  }
  double sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3))));
  for (; i < n; ++i) sum += one(i);
  return sum;
}

template <class T>
double DotOf(int64_t n, const T* x, const T* y) {
  return SumVectors(
      n, [=](auto sum, int64_t i) HWY_ATTR { return hn::MulAdd(LoadDoubles(x + i), LoadDoubles(y + i), sum); },
      [=](int64_t i) { return static_cast<double>(x[i]) * static_cast<double>(y[i]); });
}

template <class T>
double SumOf(int64_t n, const T* x) {
  return SumVectors(
      n, [=](auto sum, int64_t i) HWY_ATTR { return hn::Add(sum, LoadDoubles(x + i)); },
      [=](int64_t i) { return static_cast<double>(x[i]); });
}

template <class T>
T LargestOf(int64_t n, const T* x) {
  const hn::CappedTag<T, 64 / sizeof(T)> d;
  constexpr int64_t kLanes = hn::MaxLanes(hn::CappedTag<T, 64 / sizeof(T)>());
  int64_t i = 0;
  T top = x[0];
  if (n >= kLanes) {
    auto tops = hn::LoadU(d, x);
    for (i = kLanes; i + kLanes <= n; i += kLanes) tops = hn::Max(tops, hn::LoadU(d, x + i));
    top = hn::GetLane(hn::MaxOfLanes(d, tops));
  }
  for (; i < n; ++i) top = x[i] > top ? x[i] : top;
  return top;
}

// exp(x - shift) of kDoubles elements, stored in y and returned as doubles.
template <class T>
HWY_INLINE hn::Vec<Doubles> ExpMinusVector(const T* x, hn::Vec<Doubles> shift, T* y) {
  const Doubles d;
  const auto difference = hn::Sub(LoadDoubles(x), shift);
  if constexpr (std::is_same_v<T, double>) {
    const auto value = TotalExp(d, difference);
    hn::StoreU(value, d, y);
    return value;
  } else {
    const hn::Rebind<float, Doubles> df;
    const auto value = TotalExp(df, hn::DemoteTo(df, difference));
    hn::StoreU(value, df, y);
    return hn::PromoteTo(d, value);
  }
}

template <class T>
double ExpMinusOf(int64_t n, const T* x, double shift, T* y) {
  const Doubles d;
  const auto shifts = hn::Set(d, shift);
  auto sums = hn::Zero(d);
  int64_t i = 0;
  for (; i + kDoubles <= n; i += kDoubles) sums = hn::Add(sums, ExpMinusVector(x + i, shifts, y + i));
  double sum = hn::GetLane(hn::SumOfLanes(d, sums));
  if (i == n) return sum;
  // The rest goes through the instructions of a whole vector.
  HWY_ALIGN T rest[kDoubles] = {};
  std::copy_n(x + i, n - i, rest);
  ExpMinusVector(rest, shifts, rest);
  for (int64_t k = 0; i < n; ++i, ++k) {
    y[i] = rest[k];
    sum += static_cast<double>(rest[k]);
  }
  return sum;
}

template <class T>
bool AllFiniteOf(int64_t n, const T* x) {
  const hn::CappedTag<T, 64 / sizeof(T)> d;
  const hn::CappedTag<T, 1> d1;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    if (!hn::AllTrue(d, hn::IsFinite(hn::LoadU(d, x + i)))) return false;
  }
  for (; i < n; ++i) {
    if (!hn::AllTrue(d1, hn::IsFinite(hn::LoadU(d1, x + i)))) return false;
  }
  return true;
}

// HWY_EXPORT takes no templates: one function for each of the two types.
#define GOSSAMER_REDUCE_OF(T, SUFFIX)                                                                       \
  double SumOfSquares##SUFFIX(int64_t n, const T* x) { return DotOf(n, x, x); }                             \
  double Sum##SUFFIX(int64_t n, const T* x) { return SumOf(n, x); }                                         \
  double Dot##SUFFIX(int64_t n, const T* x, const T* y) { return DotOf(n, x, y); }                          \
  T Largest##SUFFIX(int64_t n, const T* x) { return LargestOf(n, x); }                                      \
  double ExpMinus##SUFFIX(int64_t n, const T* x, double shift, T* y) { return ExpMinusOf(n, x, shift, y); } \
  bool AllFinite##SUFFIX(int64_t n, const T* x) { return AllFiniteOf(n, x); }
GOSSAMER_REDUCE_OF(float, F32)
GOSSAMER_REDUCE_OF(double, F64)
#undef GOSSAMER_REDUCE_OF

}  // namespace HWY_NAMESPACE
}  // namespace gossamer::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gossamer::kernels {

#define GOSSAMER_REDUCE_OF(T, SUFFIX)                                                                                \
  HWY_EXPORT(SumOfSquares##SUFFIX);                                                                                  \
  HWY_EXPORT(Sum##SUFFIX);                                                                                           \
  HWY_EXPORT(Dot##SUFFIX);                                                                                           \
  HWY_EXPORT(Largest##SUFFIX);                                                                                       \
  HWY_EXPORT(ExpMinus##SUFFIX);                                                                                      \
  HWY_EXPORT(AllFinite##SUFFIX);                                                                                     \
  double sum_of_squares(int64_t n, const T* x) noexcept { return HWY_DYNAMIC_DISPATCH(SumOfSquares##SUFFIX)(n, x); } \
  double sum(int64_t n, const T* x) noexcept { return HWY_DYNAMIC_DISPATCH(Sum##SUFFIX)(n, x); }                     \
  double dot(int64_t n, const T* x, const T* y) noexcept { return HWY_DYNAMIC_DISPATCH(Dot##SUFFIX)(n, x, y); }      \
  T largest(int64_t n, const T* x) noexcept { return HWY_DYNAMIC_DISPATCH(Largest##SUFFIX)(n, x); }                  \
  double exp_minus(int64_t n, const T* x, double shift, T* y) noexcept {                                             \
    return HWY_DYNAMIC_DISPATCH(ExpMinus##SUFFIX)(n, x, shift, y);                                                   \
  }                                                                                                                  \
  bool all_finite(int64_t n, const T* x) noexcept { return HWY_DYNAMIC_DISPATCH(AllFinite##SUFFIX)(n, x); }
GOSSAMER_REDUCE_OF(float, F32)
GOSSAMER_REDUCE_OF(double, F64)
#undef GOSSAMER_REDUCE_OF

}  // namespace gossamer::kernels
#endif  // HWY_ONCE
