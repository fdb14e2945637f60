// CSR kernels in Highway: the forward product and the weight gradient on a tile of the batch.
#include "kernels/csr.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "hwy/cache_control.h"
#include "kernels/reference/csr.h"
#include "kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/csr.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gossamer::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// One pass over a segment covers at most eight vectors of samples, so that the accumulators fit 16 registers; on
// 128-bit targets a wider tile takes several passes.
template <int kWidth>
struct Tile {
  using D = hn::CappedTag<float, (kWidth < 16 ? kWidth : 16)>;
  using V = hn::Vec<D>;
  static constexpr int kLanes = static_cast<int>(hn::MaxLanes(D()));
  static constexpr int kVectors = std::min(kWidth / kLanes, 8);
  static constexpr int kPass = kVectors * kLanes;  // samples of one pass
};

// Spreads a fetch over the segments of a block.
class Fetcher {
 public:
  Fetcher(FetchAhead ahead, int64_t segments)
      : at_(ahead.data),
        end_(ahead.data + ahead.floats),
        step_((ahead.floats / kLine + std::max<int64_t>(segments, 1) - 1) / std::max<int64_t>(segments, 1) * kLine) {}

  HWY_INLINE void Next() {
    if (at_ >= end_) return;
    const float* const stop = at_ + std::min<int64_t>(step_, end_ - at_);
    for (; at_ < stop; at_ += kLine) __builtin_prefetch(at_, 0, 2);
  }

 private:
  static constexpr int64_t kLine = 16;
  const float* at_;
  const float* end_;
  int64_t step_;
};

// y_tile[row] += the products of kGroup consecutive segments with x_panel, for the samples of one pass. kFirst: y_tile
// holds nothing yet, and the sums start with the bias (null: 0).
template <int kWidth, int kGroup, bool kFirst>
HWY_INLINE void ForwardSegments(const Segment* HWY_RESTRICT segments, const float* HWY_RESTRICT values,
                                const uint16_t* HWY_RESTRICT col, const float* HWY_RESTRICT x_panel,
                                const float* HWY_RESTRICT bias, float* HWY_RESTRICT y_tile) {
  using T = Tile<kWidth>;
  const typename T::D d;
  typename T::V sum[kGroup][T::kVectors];
  const float* value[kGroup];
  const uint16_t* column[kGroup];
  int64_t begin = 0;
  for (int g = 0; g < kGroup; ++g) {
    value[g] = values + begin;
    column[g] = col + begin;
    begin += segments[g].count;
    if constexpr (kFirst) {
      const auto start = bias == nullptr ? hn::Zero(d) : hn::Set(d, bias[segments[g].row]);
      for (int v = 0; v < T::kVectors; ++v) sum[g][v] = start;
    } else {
      const float* y = y_tile + int64_t{segments[g].row} * kWidth;
      for (int v = 0; v < T::kVectors; ++v) sum[g][v] = hn::Load(d, y + v * T::kLanes);
    }
  }
  const auto add_product = [&](int g, uint64_t col_in_panel, auto factor) HWY_ATTR {
    const float* x = x_panel + col_in_panel * kWidth;
    for (int v = 0; v < T::kVectors; ++v) sum[g][v] = hn::MulAdd(factor, hn::Load(d, x + v * T::kLanes), sum[g][v]);
  };
  const auto add_slot = [&](int g, int q) HWY_ATTR { add_product(g, column[g][q], hn::Set(d, value[g][q])); };
  const int common = segments[kGroup - 1].count;  // counts descend
  int q = 0;
  if constexpr (kWidth > 16 && T::kLanes >= 4 && std::endian::native == std::endian::little) {
    // One load for four columns, and for four values, which are then spread from a register: loads are what limits this
    // loop, and fewer of those that are not of x gain 5 to 10 %. Of two segments at once the values are spread by loads
    // instead, since with AVX-512 the shuffles wait for the multipliers' ports: 113 GFLOP/s against 102 at 50 %.
    for (; q + 4 <= common; q += 4) {
      uint64_t columns[kGroup];  // the first in the lowest 16 bits
      for (int g = 0; g < kGroup; ++g) std::memcpy(&columns[g], column[g] + q, sizeof(columns[g]));
      const auto add_one = [&]<int kSlot>(std::integral_constant<int, kSlot>) HWY_ATTR {
        for (int g = 0; g < kGroup; ++g) {
          const auto factor =
              kGroup == 1 ? hn::Broadcast<kSlot>(hn::LoadDup128(d, value[g] + q)) : hn::Set(d, value[g][q + kSlot]);
          add_product(g, columns[g] >> 16 * kSlot & 0xffff, factor);
        }
      };
      add_one(std::integral_constant<int, 0>());
      add_one(std::integral_constant<int, 1>());
      add_one(std::integral_constant<int, 2>());
      add_one(std::integral_constant<int, 3>());
    }
  }
  for (; q < common; ++q) {
    for (int g = 0; g < kGroup; ++g) add_slot(g, q);
  }
  for (int g = 0; g < kGroup; ++g) {
    for (int i = common; i < segments[g].count; ++i) add_slot(g, i);
    float* y = y_tile + int64_t{segments[g].row} * kWidth;
    for (int v = 0; v < T::kVectors; ++v) hn::Store(sum[g][v], d, y + v * T::kLanes);
  }
}

// Fetches rows of a panel of X that is too large for L2, some nonzeros before they are read: a matrix of 10^6 x 10^6
// with ten connections a row would wait for memory at each of them.
template <int kWidth>
class RowFetcher {
 public:
  // Whether a panel of X is larger than an L2.
  static bool pays(const CsrStream& w) { return w.panel_cols * kWidth >= kFloats; }

  // col: of the cell's next nonzero; end: past its last.
  RowFetcher(const float* x_panel, const uint16_t* end) : x_panel_(x_panel), end_(end) {}

  // The rows that follow those of the next `count` nonzeros.
  HWY_INLINE void Next(const uint16_t* col, int64_t count) const {
    const uint16_t* ahead = col + kAhead;
    const uint16_t* const stop = ahead + count;
    for (; ahead < stop && ahead < end_; ++ahead) {
      const float* const row = x_panel_ + int64_t{*ahead} * kWidth;
      for (int i = 0; i < kWidth; i += 16) hwy::Prefetch(row + i);
    }
  }

 private:
  static constexpr int64_t kFloats = int64_t{1} << 19;
  static constexpr int64_t kAhead = 16;
  const float* x_panel_;
  const uint16_t* end_;
};

// One cell of the block.
template <int kWidth, bool kFirst>
void ForwardCell(const CsrStream& w, const float* HWY_RESTRICT values, int64_t cell, const float* HWY_RESTRICT x_panel,
                 const float* HWY_RESTRICT bias, float* HWY_RESTRICT y_tile, Fetcher& fetcher) {
  using T = Tile<kWidth>;
  // Few sums cannot hide the latency of an addition, so several segments run at once: 1.3 to 1.9 times as fast at
  // widths 8 and 16, and 1.08 with the four sums of 64 samples in AVX-512, while segments are long. Short ones lose 5
  // to 10 %.
  constexpr int kGroup = std::min(4, 8 / T::kVectors);
  constexpr int kMinCount = kWidth > 16 ? 32 : 0;
  const uint16_t* col = w.col + w.slot_begin[cell];
  const float* value = values + w.slot_begin[cell];
  const Segment* const end = w.segments + w.segment_begin[cell + 1];
  const Segment* segment = w.segments + w.segment_begin[cell];
  const RowFetcher<kWidth> rows(x_panel, w.col + w.slot_begin[cell + 1]);
  const bool fetches_rows = RowFetcher<kWidth>::pays(w);
  for (; end - segment >= kGroup && segment[kGroup - 1].count >= kMinCount; segment += kGroup) {
    for (int pass = 0; pass < kWidth; pass += T::kPass) {
      ForwardSegments<kWidth, kGroup, kFirst>(segment, value, col, x_panel + pass, bias, y_tile + pass);
    }
    for (int g = 0; g < kGroup; ++g) {
      fetcher.Next();
      if (fetches_rows) rows.Next(col, segment[g].count);
      col += segment[g].count;
      value += segment[g].count;
    }
  }
  for (; segment < end; ++segment) {
    for (int pass = 0; pass < kWidth; pass += T::kPass) {
      ForwardSegments<kWidth, 1, kFirst>(segment, value, col, x_panel + pass, bias, y_tile + pass);
    }
    fetcher.Next();
    if (fetches_rows) rows.Next(col, segment->count);
    col += segment->count;
    value += segment->count;
  }
}

template <int kWidth>
void ForwardTile(const CsrStream& w, const float* HWY_RESTRICT values, int64_t block, const float* HWY_RESTRICT x_tile,
                 const float* HWY_RESTRICT bias, float* HWY_RESTRICT y_tile, FetchAhead ahead) {
  const int64_t cell = block * w.panels();
  if (w.panels() == 0) {
    const int64_t block_rows = std::min(w.block_rows, w.rows - block * w.block_rows);
    for (int64_t r = 0; r < block_rows; ++r) std::fill_n(y_tile + r * kWidth, kWidth, bias == nullptr ? 0.0f : bias[r]);
    return;
  }
  Fetcher fetcher(ahead, w.segment_begin[cell + w.panels()] - w.segment_begin[cell]);
  ForwardCell<kWidth, true>(w, values, cell, x_tile, bias, y_tile, fetcher);
  for (int64_t panel = 1; panel < w.panels(); ++panel) {
    ForwardCell<kWidth, false>(w, values, cell + panel, x_tile + panel * w.panel_cols * kWidth, bias, y_tile, fetcher);
  }
}

#if HWY_TARGET != HWY_SCALAR  // without vectors the reference does

// a and b hold the partial sums of kCount slots each: lane i belongs to slot i % kCount. Returns those of the 2 kCount
// slots together, half as many for each.
template <size_t kCount, class D, class V>
HWY_INLINE V AddHalves(D d, V a, V b) {
  if constexpr (kCount == 1) {
    return hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b));
  } else if constexpr (kCount == 2) {
    const hn::Repartition<double, D> pairs;
    const auto a2 = hn::BitCast(pairs, a);
    const auto b2 = hn::BitCast(pairs, b);
    return hn::Add(hn::BitCast(d, hn::InterleaveLower(pairs, a2, b2)),
                   hn::BitCast(d, hn::InterleaveUpper(pairs, a2, b2)));
  } else if constexpr (kCount == 4) {
    return hn::Add(hn::OddEvenBlocks(b, a), hn::SwapAdjacentBlocks(hn::OddEvenBlocks(a, b)));
  } else {
    return hn::Add(hn::ConcatLowerLower(d, b, a), hn::ConcatUpperUpper(d, b, a));
  }
}

// Partial sums of kCount consecutive slots. Depth first, so that few vectors are alive at a time.
template <size_t kCount, int kWidth, class D, class V, size_t kVectors>
HWY_INLINE V PartialSums(D d, const V (&dy)[kVectors], const float* HWY_RESTRICT x_panel,
                         const uint16_t* HWY_RESTRICT col) {
  if constexpr (kCount == 1) {
    const float* x = x_panel + int64_t{*col} * kWidth;
    V sum = hn::Mul(dy[0], hn::Load(d, x));
    for (size_t v = 1; v < kVectors; ++v) sum = hn::MulAdd(dy[v], hn::Load(d, x + v * hn::MaxLanes(d)), sum);
    return sum;
  } else {
    const V a = PartialSums<kCount / 2, kWidth>(d, dy, x_panel, col);
    const V b = PartialSums<kCount / 2, kWidth>(d, dy, x_panel, col + kCount / 2);
    return AddHalves<kCount / 2>(d, a, b);
  }
}

template <size_t kCount, class D, class V>
HWY_INLINE void StoreFirst(D d, V sums, bool accumulate, float* HWY_RESTRICT grad) {
  if constexpr (kCount < hn::MaxLanes(D())) {
    const hn::Half<D> half;
    StoreFirst<kCount>(half, hn::LowerHalf(half, sums), accumulate, grad);
  } else {
    if (accumulate) sums = hn::Add(hn::LoadU(d, grad), sums);
    hn::StoreU(sums, d, grad);
  }
}

// Adds every lane of its slot to each of the first kCount lanes, in the order of additions of a full group: a slot's
// sum does not depend on how many neighbours it was computed with.
template <size_t kCount, class D, class V>
HWY_INLINE V FoldLanes(D d, V sums) {
  if constexpr (kCount < hn::MaxLanes(D())) {
    return FoldLanes<2 * kCount>(d, AddHalves<kCount>(d, sums, sums));
  } else {
    return sums;
  }
}

// The gradients of kCount consecutive slots.
template <size_t kCount, int kWidth, class D, class V, size_t kVectors>
HWY_INLINE void GradGroup(D d, const V (&dy)[kVectors], const float* HWY_RESTRICT x_panel,
                          const uint16_t* HWY_RESTRICT col, bool accumulate, float* HWY_RESTRICT grad) {
  const V sums = PartialSums<kCount, kWidth>(d, dy, x_panel, col);
  StoreFirst<kCount>(d, FoldLanes<kCount>(d, sums), accumulate, grad);
}

// The gradients of the last count < 2 kCount slots of a segment.
template <size_t kCount, int kWidth, class D, class V, size_t kVectors>
HWY_INLINE void GradTail(D d, const V (&dy)[kVectors], const float* HWY_RESTRICT x_panel,
                         const uint16_t* HWY_RESTRICT col, size_t count, bool accumulate, float* HWY_RESTRICT grad) {
  if ((count & kCount) != 0) {
    GradGroup<kCount, kWidth>(d, dy, x_panel, col, accumulate, grad);
    col += kCount;
    grad += kCount;
  }
  if constexpr (kCount > 1) GradTail<kCount / 2, kWidth>(d, dy, x_panel, col, count, accumulate, grad);
}

// Rows of dY come in no order that hardware foresees. Fetching them this many segments ahead doubles the speed where a
// tile comes from the last-level cache (4096 x 1024, 95 %: 66 GFLOP/s instead of 30) and gains 5 % elsewhere.
constexpr int64_t kPrefetchedSegments = 6;

template <int kWidth>
void WeightGradTile(const CsrStream& w, int64_t block, int64_t panel_begin, int64_t panel_end,
                    const float* HWY_RESTRICT dy_tile, const float* HWY_RESTRICT x_tile, bool accumulate,
                    float* HWY_RESTRICT grad, FetchAhead ahead_of_tile) {
  using D = typename Tile<kWidth>::D;
  const D d;
  constexpr size_t kLanes = hn::MaxLanes(D());
  constexpr size_t kVectors = kWidth / kLanes;
  const int64_t cells = block * w.panels();
  Fetcher fetcher(ahead_of_tile, w.segment_begin[cells + panel_end] - w.segment_begin[cells + panel_begin]);
  for (int64_t panel = panel_begin; panel < panel_end; ++panel) {
    const int64_t cell = block * w.panels() + panel;
    const float* x_panel = x_tile + panel * w.panel_cols * kWidth;
    const uint16_t* HWY_RESTRICT col = w.col + w.slot_begin[cell];
    float* HWY_RESTRICT out = grad + w.slot_begin[cell];
    const int64_t last = w.segment_begin[cell + 1] - 1;
    const RowFetcher<kWidth> rows(x_panel, w.col + w.slot_begin[cell + 1]);
    const bool fetches_rows = RowFetcher<kWidth>::pays(w);
    for (int64_t s = w.segment_begin[cell]; s <= last; ++s) {
      const float* ahead = dy_tile + int64_t{w.segments[std::min(s + kPrefetchedSegments, last)].row} * kWidth;
      for (int i = 0; i < kWidth; i += 16) hwy::Prefetch(ahead + i);
      fetcher.Next();
      const float* dy_row = dy_tile + int64_t{w.segments[s].row} * kWidth;
      hn::Vec<D> dy[kVectors];
      for (size_t v = 0; v < kVectors; ++v) dy[v] = hn::Load(d, dy_row + v * kLanes);
      const size_t count = w.segments[s].count;
      if (count == 0) break;
      if (fetches_rows) rows.Next(col, static_cast<int64_t>(count));
      size_t q = 0;
      for (; q + kLanes <= count; q += kLanes) GradGroup<kLanes, kWidth>(d, dy, x_panel, col + q, accumulate, out + q);
      GradTail<kLanes / 2, kWidth>(d, dy, x_panel, col + q, count - q, accumulate, out + q);
      col += count;
      out += count;
    }
  }
}

#endif  // HWY_SCALAR

void CsrForwardTile(const CsrStream& w, const float* values, int64_t block, const float* x_tile, int width,
                    const float* bias, float* y_tile, FetchAhead ahead) {
  switch (width) {
    case 8:
      return ForwardTile<8>(w, values, block, x_tile, bias, y_tile, ahead);
    case 16:
      return ForwardTile<16>(w, values, block, x_tile, bias, y_tile, ahead);
    case 32:
      return ForwardTile<32>(w, values, block, x_tile, bias, y_tile, ahead);
    default:
      return ForwardTile<64>(w, values, block, x_tile, bias, y_tile, ahead);
  }
}

void CsrWeightGradTile(const CsrStream& w, int64_t block, int64_t panel_begin, int64_t panel_end, const float* dy_tile,
                       const float* x_tile, int width, bool accumulate, float* grad, FetchAhead ahead) {
#if HWY_TARGET == HWY_SCALAR
  (void)ahead;
  reference::csr_weight_grad_tile(w, block, panel_begin, panel_end, dy_tile, x_tile, width, accumulate, grad);
#else
  switch (width) {
    case 8:
      return WeightGradTile<8>(w, block, panel_begin, panel_end, dy_tile, x_tile, accumulate, grad, ahead);
    case 16:
      return WeightGradTile<16>(w, block, panel_begin, panel_end, dy_tile, x_tile, accumulate, grad, ahead);
    case 32:
      return WeightGradTile<32>(w, block, panel_begin, panel_end, dy_tile, x_tile, accumulate, grad, ahead);
    default:
      return WeightGradTile<64>(w, block, panel_begin, panel_end, dy_tile, x_tile, accumulate, grad, ahead);
  }
#endif  // HWY_SCALAR
}

// The density at which a step takes the same time on both ways, from 1024 to 4096 inputs and outputs. Fewer samples pay
// less for what scattering costs. With AVX-512 it is 0.90, 0.73 and 0.66 at 128, 256 and 512 samples, with AVX2 0.8 at
// 256; at 64 the kernels are faster at any density.
bool DenseIsFaster(double density, int64_t n) {
#if HWY_TARGET == HWY_SCALAR
  constexpr double kDensity = 0.1, kPerSample = 40;
#elif HWY_TARGET <= HWY_AVX3
  constexpr double kDensity = 0.58, kPerSample = 41;
#else
  constexpr double kDensity = 0.72, kPerSample = 25;
#endif
  return density > kDensity + kPerSample / static_cast<double>(n);
}

}  // namespace HWY_NAMESPACE
}  // namespace gossamer::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gossamer::kernels {

HWY_EXPORT(CsrForwardTile);
HWY_EXPORT(CsrWeightGradTile);
HWY_EXPORT(DenseIsFaster);

void csr_forward_tile(const CsrStream& w, const float* values, int64_t block, const float* x_tile, int width,
                      const float* bias, float* y_tile, FetchAhead ahead) noexcept {
  HWY_DYNAMIC_DISPATCH(CsrForwardTile)(w, values, block, x_tile, width, bias, y_tile, ahead);
}

void csr_weight_grad_tile(const CsrStream& w, int64_t block, int64_t panel_begin, int64_t panel_end,
                          const float* dy_tile, const float* x_tile, int width, bool accumulate, float* grad,
                          FetchAhead ahead) noexcept {
  HWY_DYNAMIC_DISPATCH(CsrWeightGradTile)
  (w, block, panel_begin, panel_end, dy_tile, x_tile, width, accumulate, grad, ahead);
}

bool dense_is_faster(const CsrStream& w, int64_t n) noexcept {
  const double size = static_cast<double>(w.rows) * static_cast<double>(w.cols);
  return n > 0 && HWY_DYNAMIC_DISPATCH(DenseIsFaster)(static_cast<double>(w.nnz()) / size, n);
}

}  // namespace gossamer::kernels
#endif  // HWY_ONCE
