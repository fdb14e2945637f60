// Sums and largest elements of rows. Included once per target, after hwy/highway.h.
#if defined(GOSSAMER_KERNELS_REDUCE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GOSSAMER_KERNELS_REDUCE_INL_H_
#undef GOSSAMER_KERNELS_REDUCE_INL_H_
#else
#define GOSSAMER_KERNELS_REDUCE_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>

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

// exp(x - shift) of some consecutive elements of tag d, whose differences are taken in double and rounded.
template <class D>
HWY_INLINE hn::Vec<D> ExpMinusVector(D d, const float* x, double shift) {
  const auto minus = [=](auto wide, auto v) HWY_ATTR { return hn::Sub(v, hn::Set(wide, shift)); };
  return TotalExp(d, InDouble(d, minus, hn::LoadU(d, x)));
}
template <class D>
HWY_INLINE hn::Vec<D> ExpMinusVector(D d, const double* x, double shift) {
  return TotalExp(d, hn::Sub(hn::LoadU(d, x), hn::Set(d, shift)));
}

// sum + the elements of v, added to the lanes of sum in their order.
HWY_INLINE hn::Vec<Doubles> AddLanes(hn::Vec<Doubles> sum, hn::Vec<hn::Rebind<float, Doubles>> v) {
  return hn::Add(sum, hn::PromoteTo(Doubles(), v));
}

// Σ exp(x - shift); kStores: stored in y.
template <bool kStores, class T>
double ExpMinusOf(int64_t n, const T* x, double shift, [[maybe_unused]] T* y) {
  const Doubles d;
  const hn::Rebind<T, Doubles> dt;
  auto sums = hn::Zero(d);
  int64_t i = 0;
#if HWY_TARGET != HWY_SCALAR  // has no halves
  if constexpr (sizeof(T) == 4) {
    // Twice as many floats as doubles fit a vector. Where the shift is a float, as the largest element is, the
    // difference in float is that in double, rounded.
    const hn::Twice<decltype(dt)> whole;
    const auto rounded = static_cast<float>(shift);
    const bool exact = static_cast<double>(rounded) == shift;
    for (; i + 2 * kDoubles <= n; i += 2 * kDoubles) {
      const auto value = exact ? TotalExp(whole, hn::Sub(hn::LoadU(whole, x + i), hn::Set(whole, rounded)))
                               : ExpMinusVector(whole, x + i, shift);
      if constexpr (kStores) hn::StoreU(value, whole, y + i);
      sums = AddLanes(AddLanes(sums, hn::LowerHalf(dt, value)), hn::UpperHalf(dt, value));
    }
  }
#endif
  const auto add = [&](const T* from, T* to) HWY_ATTR {
    const auto value = ExpMinusVector(dt, from, shift);
    hn::StoreU(value, dt, to);
    return LoadDoubles(to);
  };
  // The rest goes through the instructions of a whole vector.
  HWY_ALIGN T rest[kDoubles] = {};
  for (; i + kDoubles <= n; i += kDoubles) sums = hn::Add(sums, add(x + i, kStores ? y + i : rest));
  double sum = hn::GetLane(hn::SumOfLanes(d, sums));
  if (i == n) return sum;
  std::fill_n(rest, kDoubles, T(0));
  std::copy_n(x + i, n - i, rest);
  add(rest, rest);
  for (int64_t k = 0; k < n - i; ++k) sum += static_cast<double>(rest[k]);
  if constexpr (kStores) std::copy_n(rest, n - i, y + i);
  return sum;
}

}  // namespace HWY_NAMESPACE
}  // namespace gossamer::kernels
HWY_AFTER_NAMESPACE();

#endif  // include guard
