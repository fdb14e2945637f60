// Max pooling in Highway.
#include "kernels/max_pool.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/max_pool.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gossamer::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Vectors of up to kCap lanes; the last one overlaps others, which does no harm.
template <size_t kCap = kMaxPoolSlack + 1>
void BestOfRowsOf(int64_t rows, int64_t step, int64_t n, const float* x, int32_t first, float* best, int32_t* at) {
  const hn::CappedTag<float, kCap> d;
  const hn::RebindToSigned<decltype(d)> di;
  constexpr int64_t kLanes = hn::MaxLanes(hn::CappedTag<float, kCap>());
  if constexpr (kLanes > 1) {
    if (n < kLanes) return BestOfRowsOf<kLanes / 2>(rows, step, n, x, first, best, at);
  }
  for (int64_t i = 0; i < n; i += kLanes) {
    const int64_t col = std::min(i, n - kLanes);
    auto value = hn::LoadU(d, x + col);
    auto place = hn::Iota(di, static_cast<int32_t>(first + col));
    auto value_place = place;
    const auto down = hn::Set(di, static_cast<int32_t>(step));
    for (int64_t r = 1; r < rows; ++r) {
      const auto next = hn::LoadU(d, x + r * step + col);
      place = hn::Add(place, down);
      // Lower rows win with more or with NaN.
      const auto wins = hn::Or(hn::Gt(next, value), hn::IsNaN(next));
      value = hn::IfThenElse(wins, next, value);
      value_place = hn::IfThenElse(hn::RebindMask(di, wins), place, value_place);
    }
    hn::StoreU(value, d, best + col);
    hn::StoreU(value_place, di, at + col);
  }
}

void BestOfRows(int64_t rows, int64_t step, int64_t n, const float* x, int32_t first, float* best, int32_t* at) {
  BestOfRowsOf(rows, step, n, x, first, best, at);
}

void BestOfWindows(int64_t taps, int64_t step, int64_t n, const float* x, const int32_t* at, float* best,
                   int32_t* best_at) {
  const hn::CappedTag<float, kMaxPoolSlack + 1> d;
  const hn::RebindToSigned<decltype(d)> di;
  constexpr int64_t kLanes = hn::MaxLanes(hn::CappedTag<float, kMaxPoolSlack + 1>());
  for (int64_t i = 0; i < n; i += kLanes) {
    auto value = hn::LoadU(d, x + i);
    auto place = hn::LoadU(di, at + i);
    for (int64_t k = 1; k < taps; ++k) {
      const auto next = hn::LoadU(d, x + i + k * step);
      const auto next_place = hn::LoadU(di, at + i + k * step);
      const auto before = hn::RebindMask(d, hn::Lt(next_place, place));
      const auto first = hn::And(hn::Eq(next, value), before);
      const auto last_nan = hn::And(hn::IsNaN(next), hn::Not(hn::And(hn::IsNaN(value), before)));
      const auto wins = hn::Or(hn::Or(hn::Gt(next, value), first), last_nan);
      value = hn::IfThenElse(wins, next, value);
      place = hn::IfThenElse(hn::RebindMask(di, wins), next_place, place);
    }
    hn::StoreU(value, d, best + i);
    hn::StoreU(place, di, best_at + i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gossamer::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gossamer::kernels {

HWY_EXPORT(BestOfRows);
HWY_EXPORT(BestOfWindows);

void best_of_rows(int64_t rows, int64_t step, int64_t n, const float* x, int32_t first, float* best,
                  int32_t* at) noexcept {
  HWY_DYNAMIC_DISPATCH(BestOfRows)(rows, step, n, x, first, best, at);
}

void best_of_windows(int64_t taps, int64_t step, int64_t n, const float* x, const int32_t* at, float* best,
                     int32_t* best_at) noexcept {
  HWY_DYNAMIC_DISPATCH(BestOfWindows)(taps, step, n, x, at, best, best_at);
}

}  // namespace gossamer::kernels
#endif  // HWY_ONCE
