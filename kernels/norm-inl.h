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

// add(d, row, k, first, second) adds the elements from k on of a row to the sums of their columns, which lie in memory:
// reading along the rows needs no more than one stream. Several rows share the loads and stores of the sums.
template <class Add>
HWY_INLINE void SumColumns(int64_t rows, int64_t cols, const Add& add, float* first, float* second) {
  constexpr int64_t kRows = 4;
  int64_t row = 0;
  for (; row + kRows <= rows; row += kRows) {
    ForVectors(cols, [=, &add](auto d, int64_t k) HWY_ATTR {
      auto a = hn::LoadU(d, first + k);
      auto b = hn::LoadU(d, second + k);
      for (int64_t r = row; r < row + kRows; ++r) add(d, r, k, a, b);
      hn::StoreU(a, d, first + k);
      hn::StoreU(b, d, second + k);
    });
  }
  for (; row < rows; ++row) {
    ForVectors(cols, [=, &add](auto d, int64_t k) HWY_ATTR {
      auto a = hn::LoadU(d, first + k);
      auto b = hn::LoadU(d, second + k);
      add(d, row, k, a, b);
      hn::StoreU(a, d, first + k);
      hn::StoreU(b, d, second + k);
    });
  }
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

// From sums around a pivot, 1 / n of each. `is_far` where the pivot is so far from the mean that the difference of
// squares cancels: sums around the mean found must take their place.
struct PivotMoments {
  Moments moments;
  bool is_far = false;
};
HWY_INLINE PivotMoments MomentsAround(float pivot, const TwoSums& means) {
  constexpr double kFar = 8;  // square of the distance in standard deviations; costs three of the 24 bits at most
  const double square = means.first * means.first;
  const double variance = means.second - square;
  return {{static_cast<double>(pivot) + means.first, variance < 0 ? 0 : variance}, square > kFar * variance};
}

// One pass around the first element, which is near the mean as a rule; a second one where it is far.
HWY_INLINE Moments MomentsOf(int64_t n, const float* x) {
  const double scale = 1 / static_cast<double>(n);
  float pivot = x[0];
  for (int pass = 0;; ++pass) {
    const TwoSums sums = SumsAround(n, x, pivot);
    const PivotMoments found = MomentsAround(pivot, {sums.first * scale, sums.second * scale});
    if (pass == 1 || !found.is_far) return found.moments;
    pivot = static_cast<float>(found.moments.mean);
  }
}

// (x - mean) rstd in float without the rounding of the mean, which may exceed the standard deviation: (x - center)
// scale
// + shift, where the center is the rounded mean.
struct Normalizer {
  float center;
  float scale;
  float shift;

  Normalizer() = default;
  Normalizer(double mean, double rstd)
      : center(static_cast<float>(mean)),
        scale(static_cast<float>(rstd)),
        shift(static_cast<float>((static_cast<double>(center) - mean) * rstd)) {}

  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d, hn::Vec<D> x) const {
    return hn::MulAdd(hn::Sub(x, hn::Set(d, center)), hn::Set(d, scale), hn::Set(d, shift));
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace gossamer::kernels
HWY_AFTER_NAMESPACE();

#endif  // GOSSAMER_KERNELS_NORM_INL_H_
