// Convolution kernels in Highway.
#include "kernels/conv.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/copy_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gossamer::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// With 32 registers 8 x 3 sums, 3 vectors of the source and a weight; with 16, 4 x 3.
#if HWY_TARGET <= HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr int kMostRows = 8;
constexpr int kMostSums = 24;
#else
constexpr int kMostRows = 4;
constexpr int kMostSums = 12;
#endif

template <class T>
using Tag = hn::CappedTag<T, 64 / sizeof(T)>;
template <class T>
constexpr int kLanes = static_cast<int>(hn::MaxLanes(Tag<T>()));

// The first n elements, 1 to kLanes; nothing else is read.
template <class T>
HWY_INLINE hn::Vec<Tag<T>> LoadPart(const T* from, int64_t n) {
  const Tag<T> d;
#if HWY_MEM_OPS_MIGHT_FAULT
  HWY_ALIGN T part[kLanes<T>] = {};
  std::copy_n(from, n, part);
  return hn::Load(d, part);
#else
  return hn::MaskedLoad(hn::FirstN(d, static_cast<size_t>(n)), d, from);
#endif
}

template <class T>
HWY_INLINE void StorePart(hn::Vec<Tag<T>> values, int64_t n, T* to) {
  const Tag<T> d;
#if HWY_MEM_OPS_MIGHT_FAULT
  HWY_ALIGN T part[kLanes<T>];
  hn::Store(values, d, part);
  std::copy_n(part, n, to);
#else
  hn::BlendedStore(values, hn::FirstN(d, static_cast<size_t>(n)), d, to);
#endif
}

// The first n elements, all of them where n is kLanes or more.
template <class T>
HWY_INLINE hn::Vec<Tag<T>> LoadFirst(const T* from, int64_t n) {
  return n >= kLanes<T> ? hn::LoadU(Tag<T>(), from) : LoadPart(from, n);
}

// kRows rows of y at kVectors vectors of positions: where kPart is set, the last of them ends at position n.
template <int kRows, int kVectors, bool kPart, class T>
HWY_INLINE void Sums(const ConvSource<T>& source, int64_t p, const T* HWY_RESTRICT w, int ldw, const T* bias,
                     bool accumulate, int64_t n, T* HWY_RESTRICT y, int64_t pitch) {
  const Tag<T> d;
  hn::Vec<Tag<T>> sum[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      if (accumulate) {
        sum[r][v] = hn::LoadU(d, y + r * pitch + v * kLanes<T>);
      } else {
        sum[r][v] = bias == nullptr ? hn::Zero(d) : hn::Set(d, bias[r]);
      }
    }
  }
  const T* const data = source.data + p;
  const int64_t part = n - (kVectors - 1) * kLanes<T>;
  for (int64_t k = 0; k < source.taps; ++k, w += ldw) {
    const T* const from = data + source.offset[k];
    hn::Vec<Tag<T>> x[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      const T* const at = from + v * kLanes<T>;
      x[v] = kPart && v + 1 == kVectors ? LoadPart(at, part) : hn::LoadU(d, at);
    }
    for (int r = 0; r < kRows; ++r) {
      const auto factor = hn::Set(d, w[r]);
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(factor, x[v], sum[r][v]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) hn::StoreU(sum[r][v], d, y + r * pitch + v * kLanes<T>);
  }
}

// kRows rows at all positions.
template <int kRows, class T>
void RowsOfTile(const ConvSource<T>& source, const T* w, int ldw, const T* bias, bool accumulate, int64_t n, T* y,
                int64_t pitch) {
  int64_t p = 0;
  for (; p + 3 * kLanes<T> <= n; p += 3 * kLanes<T>) {
    Sums<kRows, 3, false>(source, p, w, ldw, bias, accumulate, n, y + p, pitch);
  }
  const int64_t rest = n - p;
  if (rest > 2 * kLanes<T>) {
    Sums<kRows, 3, true>(source, p, w, ldw, bias, accumulate, rest, y + p, pitch);
  } else if (rest > kLanes<T>) {
    Sums<kRows, 2, true>(source, p, w, ldw, bias, accumulate, rest, y + p, pitch);
  } else if (rest > 0) {
    Sums<kRows, 1, true>(source, p, w, ldw, bias, accumulate, rest, y + p, pitch);
  }
}

template <class T>
void ConvTileOf(const ConvSource<T>& source, const T* w, int rows, const T* bias, bool accumulate, int64_t n, T* y,
                int64_t pitch) {
  int r = 0;
  const auto take = [&]<int kRows>() HWY_ATTR {
    for (; r + kRows <= rows; r += kRows) {
      RowsOfTile<kRows>(source, w + r, rows, bias == nullptr ? nullptr : bias + r, accumulate, n, y + r * pitch, pitch);
    }
  };
  take.template operator()<kMostRows>();
  if constexpr (kMostRows > 4) take.template operator()<4>();
  take.template operator()<2>();
  take.template operator()<1>();
}

template <int kVectors, class T>
HWY_INLINE void RowSums(const ConvSource<T>& source, int64_t p, const T* HWY_RESTRICT w, T bias, T* HWY_RESTRICT y) {
  const Tag<T> d;
  hn::Vec<Tag<T>> sum[kVectors];
  for (int v = 0; v < kVectors; ++v) sum[v] = hn::Set(d, bias);
  for (int64_t k = 0; k < source.taps; ++k) {
    const T* const from = source.data + source.offset[k] + p;
    const auto factor = hn::Set(d, w[k]);
    for (int v = 0; v < kVectors; ++v) sum[v] = hn::MulAdd(factor, hn::LoadU(d, from + v * kLanes<T>), sum[v]);
  }
  for (int v = 0; v < kVectors; ++v) hn::StoreU(sum[v], d, y + p + v * kLanes<T>);
}

template <class T>
void ConvRowOf(const ConvSource<T>& source, const T* w, T bias, int64_t n, T* y) {
  const Tag<T> d;
  int64_t p = 0;
  for (; p + 8 * kLanes<T> <= n; p += 8 * kLanes<T>) RowSums<8>(source, p, w, bias, y);
  for (; p + kLanes<T> <= n; p += kLanes<T>) RowSums<1>(source, p, w, bias, y);
  if (p == n) return;
  auto sum = hn::Set(d, bias);
  for (int64_t k = 0; k < source.taps; ++k) {
    sum = hn::MulAdd(hn::Set(d, w[k]), LoadPart(source.data + source.offset[k] + p, n - p), sum);
  }
  StorePart(sum, n - p, y + p);
}

// kTaps taps at kVectors vectors of lanes. Sums of a call begin at 0, so that one is no longer than the positions of a
// call.
template <int kTaps, int kVectors, class T>
HWY_INLINE void TapGrads(const T* HWY_RESTRICT source, const int64_t* HWY_RESTRICT offset, const T* HWY_RESTRICT dy,
                         int width, const ConvRuns& runs, T* HWY_RESTRICT grad) {
  const Tag<T> d;
  hn::Vec<Tag<T>> sum[kTaps][kVectors];
  for (int j = 0; j < kTaps; ++j) {
    for (int v = 0; v < kVectors; ++v) sum[j][v] = hn::Zero(d);
  }
  for (int64_t row = 0; row < runs.rows; ++row) {
    const T* const from = source + row * runs.pitch;
    for (int64_t p = 0; p < runs.n; ++p, dy += width) {
      hn::Vec<Tag<T>> factor[kVectors];
      for (int v = 0; v < kVectors; ++v) factor[v] = hn::LoadU(d, dy + v * kLanes<T>);
      for (int j = 0; j < kTaps; ++j) {
        const auto x = hn::Set(d, from[offset[j] + p]);
        for (int v = 0; v < kVectors; ++v) sum[j][v] = hn::MulAdd(x, factor[v], sum[j][v]);
      }
    }
  }
  for (int j = 0; j < kTaps; ++j) {
    for (int v = 0; v < kVectors; ++v) {
      T* const to = grad + j * width + v * kLanes<T>;
      hn::StoreU(hn::Add(hn::LoadU(d, to), sum[j][v]), d, to);
    }
  }
}

template <int kVectors, class T>
void LanesOfGrad(const ConvSource<T>& source, const T* dy, int width, const ConvRuns& runs, T* grad) {
  constexpr int kTaps = std::min(12, kMostSums / kVectors);
  int64_t k = 0;
  const auto take = [&]<int kCount>() HWY_ATTR {
    for (; k + kCount <= source.taps; k += kCount) {
      TapGrads<kCount, kVectors>(source.data, source.offset + k, dy, width, runs, grad + k * width);
    }
  };
  take.template operator()<kTaps>();
  take.template operator()<kTaps / 2>();
  take.template operator()<1>();
}

template <class T>
void ConvWeightGradOf(const ConvSource<T>& source, const T* dy, int width, const ConvRuns& runs, T* grad) {
  constexpr int kMost = kMostSums / 6;
  int lane = 0;
  for (; lane + kMost * kLanes<T> <= width; lane += kMost * kLanes<T>) {
    LanesOfGrad<kMost>(source, dy + lane, width, runs, grad + lane);
  }
  if constexpr (kMost > 2) {
    for (; lane + 2 * kLanes<T> <= width; lane += 2 * kLanes<T>) {
      LanesOfGrad<2>(source, dy + lane, width, runs, grad + lane);
    }
  }
  for (; lane < width; lane += kLanes<T>) LanesOfGrad<1>(source, dy + lane, width, runs, grad + lane);
}

template <int kTaps, class T>
HWY_INLINE void RowGrads(const T* HWY_RESTRICT source, const int64_t* HWY_RESTRICT offset, const T* HWY_RESTRICT dy,
                         const ConvRuns& runs, T* HWY_RESTRICT grad) {
  const Tag<T> d;
  hn::Vec<Tag<T>> sum[kTaps];
  for (int j = 0; j < kTaps; ++j) sum[j] = hn::Zero(d);
  for (int64_t row = 0; row < runs.rows; ++row, dy += runs.n) {
    const T* const from = source + row * runs.pitch;
    for (int64_t p = 0; p < runs.n; p += kLanes<T>) {
      const auto factor = LoadFirst(dy + p, runs.n - p);
      for (int j = 0; j < kTaps; ++j) {
        sum[j] = hn::MulAdd(factor, LoadFirst(from + offset[j] + p, runs.n - p), sum[j]);
      }
    }
  }
  for (int j = 0; j < kTaps; ++j) grad[j] += hn::GetLane(hn::SumOfLanes(d, sum[j]));
}

template <class T>
void ConvRowGradOf(const ConvSource<T>& source, const T* dy, const ConvRuns& runs, T* grad) {
  int64_t k = 0;
  for (; k + 9 <= source.taps; k += 9) RowGrads<9>(source.data, source.offset + k, dy, runs, grad + k);
  for (; k + 3 <= source.taps; k += 3) RowGrads<3>(source.data, source.offset + k, dy, runs, grad + k);
  for (; k < source.taps; ++k) RowGrads<1>(source.data, source.offset + k, dy, runs, grad + k);
}

template <class T>
void GatherPatchesOf(const ConvSource<T>& source, int64_t n, int width, T* HWY_RESTRICT tile) {
  const Tag<T> d;
  for (int64_t k = 0; k < source.taps; ++k, tile += width) {
    const T* const from = source.data + source.offset[k];
    int64_t p = 0;
    for (; p + kLanes<T> <= n; p += kLanes<T>) hn::StoreU(hn::LoadU(d, from + p), d, tile + p);
    for (; p < n; ++p) tile[p] = from[p];
    for (; p < width; ++p) tile[p] = 0;
  }
}

template <class T>
void GatherRunsOf(const ConvSource<T>& source, const ConvRun* runs, int64_t count, int64_t width, int64_t pitch,
                  T* HWY_RESTRICT tile) {
  for (int64_t k = 0; k < source.taps; ++k, tile += pitch) {
    const T* const data = source.data + source.offset[k];
    T* to = tile;
    for (const ConvRun* run = runs; run != runs + count; to += run->n, ++run) {
      CopyRowsOf(1, run->n, data + run->from, 0, to, 0);
    }
    while (to < tile + width) *to++ = 0;
  }
}

template <class T>
void AddPatchesOf(const T* HWY_RESTRICT tile, int width, const int64_t* HWY_RESTRICT offset, int64_t taps, int64_t n,
                  T* HWY_RESTRICT target) {
  const Tag<T> d;
  for (int64_t k = 0; k < taps; ++k, tile += width) {
    T* const to = target + offset[k];
    int64_t p = 0;
    for (; p + kLanes<T> <= n; p += kLanes<T>) {
      hn::StoreU(hn::Add(hn::LoadU(d, to + p), hn::LoadU(d, tile + p)), d, to + p);
    }
    for (; p < n; ++p) to[p] += tile[p];
  }
}

#define GOSSAMER_CONV_KERNELS_OF(T, Suffix)                                                                           \
  void ConvTile##Suffix(const ConvSource<T>& source, const T* w, int rows, const T* bias, bool accumulate, int64_t n, \
                        T* y, int64_t pitch) {                                                                        \
    ConvTileOf(source, w, rows, bias, accumulate, n, y, pitch);                                                       \
  }                                                                                                                   \
  void ConvRow##Suffix(const ConvSource<T>& source, const T* w, T bias, int64_t n, T* y) {                            \
    ConvRowOf(source, w, bias, n, y);                                                                                 \
  }                                                                                                                   \
  void ConvWeightGrad##Suffix(const ConvSource<T>& source, const T* dy, int width, const ConvRuns& runs, T* grad) {   \
    ConvWeightGradOf(source, dy, width, runs, grad);                                                                  \
  }                                                                                                                   \
  void ConvRowGrad##Suffix(const ConvSource<T>& source, const T* dy, const ConvRuns& runs, T* grad) {                 \
    ConvRowGradOf(source, dy, runs, grad);                                                                            \
  }                                                                                                                   \
  void GatherPatches##Suffix(const ConvSource<T>& source, int64_t n, int width, T* tile) {                            \
    GatherPatchesOf(source, n, width, tile);                                                                          \
  }                                                                                                                   \
  void GatherRuns##Suffix(const ConvSource<T>& source, const ConvRun* runs, int64_t count, int64_t width,             \
                          int64_t pitch, T* tile) {                                                                   \
    GatherRunsOf(source, runs, count, width, pitch, tile);                                                            \
  }                                                                                                                   \
  void AddPatches##Suffix(const T* tile, int width, const int64_t* offset, int64_t taps, int64_t n, T* target) {      \
    AddPatchesOf(tile, width, offset, taps, n, target);                                                               \
  }
GOSSAMER_CONV_KERNELS_OF(float, F32)
GOSSAMER_CONV_KERNELS_OF(double, F64)
#undef GOSSAMER_CONV_KERNELS_OF

}  // namespace HWY_NAMESPACE
}  // namespace gossamer::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gossamer::kernels {

HWY_EXPORT(ConvTileF32);
HWY_EXPORT(ConvTileF64);
HWY_EXPORT(ConvRowF32);
HWY_EXPORT(ConvRowF64);
HWY_EXPORT(ConvWeightGradF32);
HWY_EXPORT(ConvWeightGradF64);
HWY_EXPORT(ConvRowGradF32);
HWY_EXPORT(ConvRowGradF64);
HWY_EXPORT(GatherPatchesF32);
HWY_EXPORT(GatherPatchesF64);
HWY_EXPORT(GatherRunsF32);
HWY_EXPORT(GatherRunsF64);
HWY_EXPORT(AddPatchesF32);
HWY_EXPORT(AddPatchesF64);

template <class T>
void conv_tile(const ConvSource<T>& source, const T* w, int rows, const T* bias, bool accumulate, int64_t n, T* y,
               int64_t pitch) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    HWY_DYNAMIC_DISPATCH(ConvTileF32)(source, w, rows, bias, accumulate, n, y, pitch);
  } else {
    HWY_DYNAMIC_DISPATCH(ConvTileF64)(source, w, rows, bias, accumulate, n, y, pitch);
  }
}

template <class T>
void conv_row(const ConvSource<T>& source, const T* w, T bias, int64_t n, T* y) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    HWY_DYNAMIC_DISPATCH(ConvRowF32)(source, w, bias, n, y);
  } else {
    HWY_DYNAMIC_DISPATCH(ConvRowF64)(source, w, bias, n, y);
  }
}

template <class T>
void conv_weight_grad(const ConvSource<T>& source, const T* dy, int width, const ConvRuns& runs, T* grad) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    HWY_DYNAMIC_DISPATCH(ConvWeightGradF32)(source, dy, width, runs, grad);
  } else {
    HWY_DYNAMIC_DISPATCH(ConvWeightGradF64)(source, dy, width, runs, grad);
  }
}

template <class T>
void conv_row_grad(const ConvSource<T>& source, const T* dy, const ConvRuns& runs, T* grad) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    HWY_DYNAMIC_DISPATCH(ConvRowGradF32)(source, dy, runs, grad);
  } else {
    HWY_DYNAMIC_DISPATCH(ConvRowGradF64)(source, dy, runs, grad);
  }
}

template <class T>
void gather_patches(const ConvSource<T>& source, int64_t n, int width, T* tile) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    HWY_DYNAMIC_DISPATCH(GatherPatchesF32)(source, n, width, tile);
  } else {
    HWY_DYNAMIC_DISPATCH(GatherPatchesF64)(source, n, width, tile);
  }
}

template <class T>
void gather_runs(const ConvSource<T>& source, const ConvRun* runs, int64_t count, int64_t width, int64_t pitch,
                 T* tile) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    HWY_DYNAMIC_DISPATCH(GatherRunsF32)(source, runs, count, width, pitch, tile);
  } else {
    HWY_DYNAMIC_DISPATCH(GatherRunsF64)(source, runs, count, width, pitch, tile);
  }
}

template <class T>
void add_patches(const T* tile, int width, const int64_t* offset, int64_t taps, int64_t n, T* target) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    HWY_DYNAMIC_DISPATCH(AddPatchesF32)(tile, width, offset, taps, n, target);
  } else {
    HWY_DYNAMIC_DISPATCH(AddPatchesF64)(tile, width, offset, taps, n, target);
  }
}

#define GOSSAMER_CONV_KERNELS_OF(T)                                                                            \
  template void conv_tile(const ConvSource<T>&, const T*, int, const T*, bool, int64_t, T*, int64_t) noexcept; \
  template void conv_row(const ConvSource<T>&, const T*, T, int64_t, T*) noexcept;                             \
  template void conv_weight_grad(const ConvSource<T>&, const T*, int, const ConvRuns&, T*) noexcept;           \
  template void conv_row_grad(const ConvSource<T>&, const T*, const ConvRuns&, T*) noexcept;                   \
  template void gather_patches(const ConvSource<T>&, int64_t, int, T*) noexcept;                               \
  template void gather_runs(const ConvSource<T>&, const ConvRun*, int64_t, int64_t, int64_t, T*) noexcept;     \
  template void add_patches(const T*, int, const int64_t*, int64_t, int64_t, T*) noexcept;
GOSSAMER_CONV_KERNELS_OF(float)
GOSSAMER_CONV_KERNELS_OF(double)
#undef GOSSAMER_CONV_KERNELS_OF

}  // namespace gossamer::kernels
#endif  // HWY_ONCE
