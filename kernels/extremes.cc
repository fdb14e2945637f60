// Extremes in Highway.
#include "kernels/extremes.h"

#include <cstdint>
#include <limits>

#include "kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/extremes.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gossamer::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

struct Larger {
  template <class V>
  static HWY_INLINE auto beats(V a, V b) {
    return hn::Gt(a, b);
  }
  template <class D, class V>
  static HWY_INLINE V of_lanes(D d, V v) {
    return hn::MaxOfLanes(d, v);
  }
};
struct Smaller {
  template <class V>
  static HWY_INLINE auto beats(V a, V b) {
    return hn::Lt(a, b);
  }
  template <class D, class V>
  static HWY_INLINE V of_lanes(D d, V v) {
    return hn::MinOfLanes(d, v);
  }
};

// Vectors of up to kCap lanes; the last one overlaps others, which does no harm. A comparison and a choice, since
// hn::Max treats NaN as each target does; four chains hide their latency.
template <class Order, class T, size_t kCap = 64 / sizeof(T)>
T ExtremeOf(int64_t n, const T* x) {
  const hn::CappedTag<T, kCap> d;
  constexpr int64_t kLanes = hn::MaxLanes(hn::CappedTag<T, kCap>());
  if constexpr (kLanes > 1) {
    if (n < kLanes) return ExtremeOf<Order, T, kLanes / 2>(n, x);
  }
  const auto better = [](auto best, auto v)
                          HWY_ATTR { return hn::IfThenElse(hn::Or(Order::beats(v, best), hn::IsNaN(v)), v, best); };
  auto best0 = hn::LoadU(d, x);
  auto best1 = best0;
  auto best2 = best0;
  auto best3 = hn::LoadU(d, x + n - kLanes);
  int64_t i = kLanes;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    best0 = better(best0, hn::LoadU(d, x + i));
    best1 = better(best1, hn::LoadU(d, x + i + kLanes));
    best2 = better(best2, hn::LoadU(d, x + i + 2 * kLanes));
    best3 = better(best3, hn::LoadU(d, x + i + 3 * kLanes));
  }
  for (; i + kLanes <= n; i += kLanes) best0 = better(best0, hn::LoadU(d, x + i));
  best0 = better(better(best0, best1), better(best2, best3));
  if (!hn::AllFalse(d, hn::IsNaN(best0))) return std::numeric_limits<T>::quiet_NaN();
  return hn::GetLane(Order::of_lanes(d, best0));
}

// HWY_EXPORT takes no templates: one function for each of the two types.
float MaxF32(int64_t n, const float* x) { return ExtremeOf<Larger>(n, x); }
double MaxF64(int64_t n, const double* x) { return ExtremeOf<Larger>(n, x); }
float MinF32(int64_t n, const float* x) { return ExtremeOf<Smaller>(n, x); }
double MinF64(int64_t n, const double* x) { return ExtremeOf<Smaller>(n, x); }

}  // namespace HWY_NAMESPACE
}  // namespace gossamer::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gossamer::kernels {

HWY_EXPORT(MaxF32);
HWY_EXPORT(MaxF64);
HWY_EXPORT(MinF32);
HWY_EXPORT(MinF64);

float max(int64_t n, const float* x) noexcept { return HWY_DYNAMIC_DISPATCH(MaxF32)(n, x); }
double max(int64_t n, const double* x) noexcept { return HWY_DYNAMIC_DISPATCH(MaxF64)(n, x); }
float min(int64_t n, const float* x) noexcept { return HWY_DYNAMIC_DISPATCH(MinF32)(n, x); }
double min(int64_t n, const double* x) noexcept { return HWY_DYNAMIC_DISPATCH(MinF64)(n, x); }

}  // namespace gossamer::kernels
#endif  // HWY_ONCE
