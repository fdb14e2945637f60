// Dropout kernels in Highway.
#include "kernels/dropout.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/reference/dropout.h"
#include "kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dropout.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gossamer::kernels {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR

// Without vectors there are no halves of products to pick.
void DropoutRow(const DropoutMask& mask, uint64_t first, int64_t n, float scale, const float* x, float* y) {
  reference::dropout_row(mask, first, n, scale, x, y);
}

void DropoutTile(const DropoutMask& mask, uint64_t first, int64_t features, int width, float scale, const float* x,
                 float* y) {
  reference::dropout_tile(mask, first, features, width, scale, x, y);
}

#else

namespace hn = hwy::HWY_NAMESPACE;

// The most blocks that are drawn at a time, one to a lane.
constexpr size_t kMostBlocks = 16;

// The halves of the products a * factor.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void Multiply(D d, V a, uint32_t factor, V& low, V& high) {
  const hn::Repartition<uint64_t, D> wide;
  const V factors = hn::Set(d, factor);
  const auto even = hn::MulEven(a, factors);
  const auto odd = hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, a))), factors);
  low = hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), hn::BitCast(d, even));
  high = hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, hn::ShiftRight<32>(even)));
}

// The four words of the blocks `low`, `high` + `add`.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void Draw(D d, uint64_t key, V low, V high, uint64_t add, V& w0, V& w1, V& w2, V& w3) {
  w0 = hn::Add(low, hn::Set(d, static_cast<uint32_t>(add & 0xffffffffU)));
  w1 = hn::Add(high, hn::Set(d, static_cast<uint32_t>(add >> 32)));
  w1 = hn::IfThenElse(hn::Lt(w0, low), hn::Add(w1, hn::Set(d, 1)), w1);
  w2 = w3 = hn::Zero(d);
  V key0 = hn::Set(d, static_cast<uint32_t>(key & 0xffffffffU));
  V key1 = hn::Set(d, static_cast<uint32_t>(key >> 32));
  for (int round = 0; round < 10; ++round) {
    V low0, high0, low1, high1;
    Multiply(d, w0, 0xD2511F53U, low0, high0);
    Multiply(d, w2, 0xCD9E8D57U, low1, high1);
    w0 = hn::Xor(hn::Xor(high1, w1), key0);
    w1 = low1;
    w2 = hn::Xor(hn::Xor(high0, w3), key1);
    w3 = low0;
    key0 = hn::Add(key0, hn::Set(d, 0x9E3779B9U));
    key1 = hn::Add(key1, hn::Set(d, 0xBB67AE85U));
  }
}

template <class D>
HWY_INLINE void Apply(D /*d*/, hn::Vec<D> words, hn::Vec<D> threshold, float scale, const float* x, float* y) {
  const hn::Rebind<float, D> floats;
  const auto dropped = hn::RebindMask(floats, hn::Lt(words, threshold));
  hn::StoreU(hn::IfThenZeroElse(dropped, hn::Mul(hn::LoadU(floats, x), hn::Set(floats, scale))), floats, y);
}

void DropoutRow(const DropoutMask& mask, uint64_t first, int64_t n, float scale, const float* x, float* y) {
  const hn::CappedTag<uint32_t, kMostBlocks> d;
  constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(d));
  HWY_ALIGN uint32_t words[4 * kLanes];
  const auto threshold = hn::Set(d, mask.threshold);
  for (int64_t i = 0; i < n; i += 4 * kLanes) {
    hn::Vec<decltype(d)> w0, w1, w2, w3;
    Draw(d, mask.key, hn::Iota(d, 0), hn::Zero(d), (first + static_cast<uint64_t>(i)) / 4, w0, w1, w2, w3);
    hn::StoreInterleaved4(w0, w1, w2, w3, d, words);
    const int64_t count = std::min(4 * kLanes, n - i);
    int64_t j = 0;
    for (; j + kLanes <= count; j += kLanes) Apply(d, hn::Load(d, words + j), threshold, scale, x + i + j, y + i + j);
    for (; j < count; ++j) y[i + j] = words[j] < mask.threshold ? 0.0F : x[i + j] * scale;
  }
}

template <class D>
void LanesOfTile(D d, const DropoutMask& mask, uint64_t first, int64_t features, int width, float scale, const float* x,
                 float* y) {
  constexpr auto kLanes = static_cast<int64_t>(hn::MaxLanes(d));
  const auto threshold = hn::Set(d, mask.threshold);
  for (int64_t lane = 0; lane < width; lane += kLanes) {
    // First block of each lane: what is beyond 32 bits is carried.
    HWY_ALIGN uint32_t low[kLanes], high[kLanes];
    for (int64_t i = 0; i < kLanes; ++i) {
      const uint64_t block = (first + static_cast<uint64_t>((lane + i) * features)) / 4;
      low[i] = static_cast<uint32_t>(block & 0xffffffffU);
      high[i] = static_cast<uint32_t>(block >> 32);
    }
    const auto lows = hn::Load(d, low), highs = hn::Load(d, high);
    for (int64_t f = 0; f < features; f += 4) {
      hn::Vec<D> w0, w1, w2, w3;
      Draw(d, mask.key, lows, highs, static_cast<uint64_t>(f / 4), w0, w1, w2, w3);
      const int64_t at = f * width + lane;
      Apply(d, w0, threshold, scale, x + at, y + at);
      Apply(d, w1, threshold, scale, x + at + width, y + at + width);
      Apply(d, w2, threshold, scale, x + at + 2 * width, y + at + 2 * width);
      Apply(d, w3, threshold, scale, x + at + 3 * width, y + at + 3 * width);
    }
  }
}

void DropoutTile(const DropoutMask& mask, uint64_t first, int64_t features, int width, float scale, const float* x,
                 float* y) {
  if (width < static_cast<int>(kMostBlocks)) {
    return LanesOfTile(hn::CappedTag<uint32_t, 8>(), mask, first, features, width, scale, x, y);
  }
  LanesOfTile(hn::CappedTag<uint32_t, kMostBlocks>(), mask, first, features, width, scale, x, y);
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace gossamer::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gossamer::kernels {

HWY_EXPORT(DropoutRow);
HWY_EXPORT(DropoutTile);

void dropout_row(const DropoutMask& mask, uint64_t first, int64_t n, float scale, const float* x, float* y) noexcept {
  HWY_DYNAMIC_DISPATCH(DropoutRow)(mask, first, n, scale, x, y);
}

void dropout_tile(const DropoutMask& mask, uint64_t first, int64_t features, int width, float scale, const float* x,
                  float* y) noexcept {
  HWY_DYNAMIC_DISPATCH(DropoutTile)(mask, first, features, width, scale, x, y);
}

}  // namespace gossamer::kernels
#endif  // HWY_ONCE
