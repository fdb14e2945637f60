// Sums of float that normalizations share, accurate without double in the inner loop. Included once for every target.
#if defined(GOSSAMER_KERNELS_NORM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GOSSAMER_KERNELS_NORM_INL_H_
#undef GOSSAMER_KERNELS_NORM_INL_H_
#else
#define GOSSAMER_KERNELS_NORM_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gossamer::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, 16>;
using FloatVec = hn::Vec<Floats>;
constexpr int64_t kFloats = static_cast<int64_t>(hn::MaxLanes(Floats()));

using OneFloat = hn::CappedTag<float, 1>;

// f(d, i) for all vectors of n elements, then for the rest one by one.
template <class F>
HWY_INLINE void ForVectors(int64_t n, const F& f) {
  int64_t i = 0;
  for (; i + kFloats <= n; i += kFloats) f(Floats(), i);
  for (; i < n; ++i) f(OneFloat(), i);
}

// Elements that are summed in float, lane by lane, before the sum goes on in double.
constexpr int64_t kFloatChain = 1024;

struct TwoSums {
  double first = 0;
  double second = 0;
};

// The sums over n elements of what add(i, first, second) adds to two vectors for the elements from i on. `one(i)` is
// the same for one element. Four chains hide the latency of the additions.
template <class Add, class One>
HWY_INLINE TwoSums SumTwo(int64_t n, const Add& add, const One& one) {
  const Floats d;
  TwoSums sums;
  int64_t i = 0;
  while (i + kFloats <= n) {
    const int64_t end = std::min(n, i + kFloatChain);
    auto a0 = hn::Zero(d), a1 = hn::Zero(d), a2 = hn::Zero(d), a3 = hn::Zero(d);
    auto b0 = hn::Zero(d), b1 = hn::Zero(d), b2 = hn::Zero(d), b3 = hn::Zero(d);
    for (; i + 4 * kFloats <= end; i += 4 * kFloats) {
      add(i, a0, b0);
      add(i + kFloats, a1, b1);
      add(i + 2 * kFloats, a2, b2);
      add(i + 3 * kFloats, a3, b3);
    }
    for (; i + kFloats <= end; i += kFloats) add(i, a0, b0);
    sums.first += hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(a0, a1), hn::Add(a2, a3))));
    sums.second += hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(b0, b1), hn::Add(b2, b3))));
  }
  for (; i < n; ++i) {
    const TwoSums of_one = one(i);
    sums.first += of_one.first;
    sums.second += of_one.second;
  }
  return sums;
}

// Σ (x - pivot) and Σ (x - pivot)².
HWY_INLINE TwoSums SumsAround(int64_t n, const float* x, float pivot) {
  const Floats d;
  const auto pivots = hn::Set(d, pivot);
  return SumTwo(
      n,
      [=](int64_t i, FloatVec& sum, FloatVec& squares) HWY_ATTR {
        const auto difference = hn::Sub(hn::LoadU(Floats(), x + i), pivots);
        sum = hn::Add(sum, difference);
        squares = hn::MulAdd(difference, difference, squares);
      },
      [=](int64_t i) -> TwoSums {
        const double difference = static_cast<double>(x[i]) - static_cast<double>(pivot);
        return {difference, difference * difference};
      });
}

struct Moments {
  double mean = 0;
  double variance = 0;
};

// One pass around the first element, which is near the mean as a rule. Where it turns out to be far, the difference of
// squares cancels, and a second pass around the mean found takes its place.
HWY_INLINE Moments MomentsOf(int64_t n, const float* x) {
  constexpr double kFar = 8;  // square of the distance in standard deviations; costs three of the 24 bits at most
  const double scale = 1 / static_cast<double>(n);
  float pivot = x[0];
  for (int pass = 0;; ++pass) {
    const TwoSums sums = SumsAround(n, x, pivot);
    const double offset = sums.first * scale;
    const double variance = sums.second * scale - offset * offset;
    const double mean = static_cast<double>(pivot) + offset;
    if (pass == 1 || !(offset * offset > kFar * variance)) return {mean, variance < 0 ? 0 : variance};
    pivot = static_cast<float>(mean);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gossamer::kernels
HWY_AFTER_NAMESPACE();

#endif  // GOSSAMER_KERNELS_NORM_INL_H_
