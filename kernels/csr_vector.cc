// The products of a CSR weight with a single sample, in Highway. The input is used where it lies: nothing is packed.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "hwy/cache_control.h"
#include "kernels/csr.h"
#include "kernels/reference/csr.h"
#include "kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/csr_vector.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gossamer::kernels {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR  // without vectors the reference does

void CsrForwardVector(const CsrStream& w, const float* values, int64_t block, const float* x, const float* bias,
                      float* /*sums*/, float* y) {
  reference::csr_forward_vector(w, values, block, x, bias, y);
}

void CsrWeightGradVector(const CsrStream& w, int64_t block, int64_t panel_begin, int64_t panel_end, const float* dy,
                         const float* x, float* grad) {
  reference::csr_weight_grad_vector(w, block, panel_begin, panel_end, dy, x, grad);
}

#else

namespace hn = hwy::HWY_NAMESPACE;

// Elements by which values and columns are fetched ahead. The hardware's prefetch stops at every page: out of memory, W
// of 4096 x 4096 at 90 % sparsity takes 1290 us without, 440 us from 1024 or 4096 ahead, 520 us from 256.
constexpr int64_t kAhead = 1024;

HWY_INLINE void FetchStream(const float* values, const uint16_t* col) {
  hwy::Prefetch(values + kAhead);
  hwy::Prefetch(col + kAhead);
}

// A reader of inputs is made for a panel of x and gives its elements at a list of columns, kLanes at a time:
//   All(col)       x[col[i]] for i in [0, kLanes)
//   First(col, n)  x[col[i]] for i in [0, n), zero in the other lanes; 0 < n < kLanes
// FirstOf and StoreFirst do the same with consecutive elements. Nothing is touched outside what is named.

// Builds a vector from loads of single elements. A scalar product for each of them loses 1.3 times at 26 nonzeros per
// segment, whether one segment at a time or up to eight; gather instructions lose 1.3 (AVX2) to 2.5 times (AVX-512).
class ElementInputs {
 public:
  using D = hn::CappedTag<float, 4>;
  using V = hn::Vec<D>;
  static constexpr size_t kLanes = 4;

  ElementInputs(const float* x, int64_t /*cols*/) : x_(x) {}

  HWY_INLINE V All(const uint16_t* HWY_RESTRICT col) const {
    return hn::Combine(D(), Pair(col[2], col[3]), Pair(col[0], col[1]));
  }

  HWY_INLINE V First(const uint16_t* HWY_RESTRICT col, size_t n) const {
    if (n == 1) return hn::ZeroExtendVector(D(), hn::Combine(D2(), hn::Zero(D1()), One(col[0])));
    const auto low = Pair(col[0], col[1]);
    if (n == 2) return hn::ZeroExtendVector(D(), low);
    return hn::Combine(D(), hn::Combine(D2(), hn::Zero(D1()), One(col[2])), low);
  }

  static HWY_INLINE V FirstOf(const float* HWY_RESTRICT from, size_t n) {
    if (n == 1) return hn::ZeroExtendVector(D(), hn::Combine(D2(), hn::Zero(D1()), hn::LoadU(D1(), from)));
    const auto low = hn::LoadU(D2(), from);
    if (n == 2) return hn::ZeroExtendVector(D(), low);
    return hn::Combine(D(), hn::Combine(D2(), hn::Zero(D1()), hn::LoadU(D1(), from + 2)), low);
  }

  static HWY_INLINE void StoreFirst(V v, float* HWY_RESTRICT to, size_t n) {
    const auto low = hn::LowerHalf(D2(), v);
    if (n == 1) return hn::StoreU(hn::LowerHalf(D1(), low), D1(), to);
    hn::StoreU(low, D2(), to);
    if (n == 3) hn::StoreU(hn::LowerHalf(D1(), hn::UpperHalf(D2(), v)), D1(), to + 2);
  }

 private:
  using D2 = hn::Half<D>;
  using D1 = hn::Half<D2>;

  HWY_INLINE hn::Vec<D1> One(uint16_t col) const { return hn::LoadU(D1(), x_ + col); }
  HWY_INLINE hn::Vec<D2> Pair(uint16_t lower, uint16_t upper) const {
    return hn::Combine(D2(), One(upper), One(lower));
  }

  const float* x_;
};

#if HWY_TARGET <= HWY_AVX3  // AVX-512

// Holds the panel in registers and looks sixteen elements up at once. Against ElementInputs it gains 1.5 times on
// panels of 128 columns and 1.3 on 256; on 512, where the tables no longer fit the registers, it loses 1.1 times.
template <int kTables>
class RegisterInputs {
 public:
  using D = hn::CappedTag<float, 16>;
  using V = hn::Vec<D>;
  static constexpr size_t kLanes = 16;
  static bool fits(const CsrStream& w) { return w.panel_cols <= kTables * int64_t{kLanes}; }

  RegisterInputs(const float* x, int64_t cols) {
    for (int i = 0; i < kTables; ++i) {
      const int64_t first = std::min(i * int64_t{kLanes}, cols);
      table_[i] = FirstOf(x + first, static_cast<size_t>(std::min(int64_t{kLanes}, cols - first)));
    }
  }

  HWY_INLINE V All(const uint16_t* HWY_RESTRICT col) const {
    return LookUp<0, kTables>(hn::PromoteTo(hn::RebindToSigned<D>(), hn::LoadU(Columns(), col)));
  }
  HWY_INLINE V First(const uint16_t* HWY_RESTRICT col, size_t n) const {
    const Columns d;
    const auto columns = hn::PromoteTo(hn::RebindToSigned<D>(), hn::MaskedLoad(hn::FirstN(d, n), d, col));
    // Zeros, since the columns read as 0 would carry an infinity at x[0] into sums that it is no part of.
    return hn::IfThenElseZero(hn::FirstN(D(), n), LookUp<0, kTables>(columns));
  }
  static HWY_INLINE V FirstOf(const float* HWY_RESTRICT from, size_t n) {
    return hn::MaskedLoad(hn::FirstN(D(), n), D(), from);
  }
  static HWY_INLINE void StoreFirst(V v, float* HWY_RESTRICT to, size_t n) {
    hn::BlendedStore(v, hn::FirstN(D(), n), D(), to);
  }

 private:
  using Columns = hn::Rebind<uint16_t, D>;

  template <int kFirst, int kCount>
  HWY_INLINE V LookUp(hn::Vec<hn::RebindToSigned<D>> col) const {
    if constexpr (kCount == 2) {
      return V{_mm512_permutex2var_ps(table_[kFirst].raw, col.raw, table_[kFirst + 1].raw)};
    } else {
      constexpr int kHalf = kCount / 2;
      const auto upper = hn::TestBit(col, hn::Set(hn::RebindToSigned<D>(), kHalf * int{kLanes}));
      return hn::IfThenElse(hn::RebindMask(D(), upper), LookUp<kFirst + kHalf, kHalf>(col), LookUp<kFirst, kHalf>(col));
    }
  }

  V table_[kTables];
};

#endif  // AVX-512

// The rows are summed in kLanes parts each, [block_rows][kLanes]: adding the parts up once at the end saves a reduction
// per segment.
template <class Inputs>
void ForwardVector(const CsrStream& w, const float* HWY_RESTRICT values, int64_t block, const float* HWY_RESTRICT x,
                   const float* HWY_RESTRICT bias, float* HWY_RESTRICT sums, float* HWY_RESTRICT y) {
  using D = typename Inputs::D;
  const D d;
  constexpr size_t kLanes = Inputs::kLanes;
  const int64_t block_rows = std::min(w.block_rows, w.rows - block * w.block_rows);
  std::fill_n(sums, block_rows * int64_t{kLanes}, 0.0f);
  for (int64_t panel = 0; panel < w.panels(); ++panel) {
    const int64_t cell = block * w.panels() + panel;
    const int64_t col0 = panel * w.panel_cols;
    const Inputs inputs(x + col0, std::min(w.panel_cols, w.cols - col0));
    const uint16_t* HWY_RESTRICT col = w.col + w.slot_begin[cell];
    const float* HWY_RESTRICT value = values + w.slot_begin[cell];
    for (int64_t s = w.segment_begin[cell]; s < w.segment_begin[cell + 1]; ++s) {
      const size_t count = w.segments[s].count;
      if (count == 0) break;
      float* row_sums = sums + int64_t{w.segments[s].row} * int64_t{kLanes};
      auto sum = hn::Load(d, row_sums);
      size_t q = 0;
      for (; q + kLanes <= count; q += kLanes) {
        FetchStream(value + q, col + q);
        sum = hn::MulAdd(inputs.All(col + q), hn::LoadU(d, value + q), sum);
      }
      FetchStream(value + q, col + q);
      if (q < count) {
        sum = hn::MulAdd(inputs.First(col + q, count - q), Inputs::FirstOf(value + q, count - q), sum);
      }
      hn::Store(sum, d, row_sums);
      col += count;
      value += count;
    }
  }
  for (int64_t r = 0; r < block_rows; ++r) {
    const float sum = hn::GetLane(hn::SumOfLanes(d, hn::Load(d, sums + r * int64_t{kLanes})));
    y[r] = bias == nullptr ? sum : sum + bias[r];
  }
}

template <class Inputs>
void WeightGradVector(const CsrStream& w, int64_t block, int64_t panel_begin, int64_t panel_end,
                      const float* HWY_RESTRICT dy, const float* HWY_RESTRICT x, float* HWY_RESTRICT grad) {
  using D = typename Inputs::D;
  const D d;
  constexpr size_t kLanes = Inputs::kLanes;
  for (int64_t panel = panel_begin; panel < panel_end; ++panel) {
    const int64_t cell = block * w.panels() + panel;
    const int64_t col0 = panel * w.panel_cols;
    const Inputs inputs(x + col0, std::min(w.panel_cols, w.cols - col0));
    const uint16_t* HWY_RESTRICT col = w.col + w.slot_begin[cell];
    float* HWY_RESTRICT out = grad + w.slot_begin[cell];
    for (int64_t s = w.segment_begin[cell]; s < w.segment_begin[cell + 1]; ++s) {
      const size_t count = w.segments[s].count;
      if (count == 0) break;
      const auto row_dy = hn::Set(d, dy[w.segments[s].row]);
      size_t q = 0;
      for (; q + kLanes <= count; q += kLanes) {
        FetchStream(out + q, col + q);
        hn::StoreU(hn::Mul(inputs.All(col + q), row_dy), d, out + q);
      }
      FetchStream(out + q, col + q);
      if (q < count) Inputs::StoreFirst(hn::Mul(inputs.First(col + q, count - q), row_dy), out + q, count - q);
      col += count;
      out += count;
    }
  }
}

void CsrForwardVector(const CsrStream& w, const float* values, int64_t block, const float* x, const float* bias,
                      float* sums, float* y) {
#if HWY_TARGET <= HWY_AVX3
  if (RegisterInputs<8>::fits(w)) return ForwardVector<RegisterInputs<8>>(w, values, block, x, bias, sums, y);
  if (RegisterInputs<16>::fits(w)) return ForwardVector<RegisterInputs<16>>(w, values, block, x, bias, sums, y);
#endif
  ForwardVector<ElementInputs>(w, values, block, x, bias, sums, y);
}

void CsrWeightGradVector(const CsrStream& w, int64_t block, int64_t panel_begin, int64_t panel_end, const float* dy,
                         const float* x, float* grad) {
#if HWY_TARGET <= HWY_AVX3
  if (RegisterInputs<8>::fits(w)) {
    return WeightGradVector<RegisterInputs<8>>(w, block, panel_begin, panel_end, dy, x, grad);
  }
  if (RegisterInputs<16>::fits(w)) {
    return WeightGradVector<RegisterInputs<16>>(w, block, panel_begin, panel_end, dy, x, grad);
  }
#endif
  WeightGradVector<ElementInputs>(w, block, panel_begin, panel_end, dy, x, grad);
}

#endif  // HWY_SCALAR

}  // namespace HWY_NAMESPACE
}  // namespace gossamer::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gossamer::kernels {

HWY_EXPORT(CsrForwardVector);
HWY_EXPORT(CsrWeightGradVector);

void csr_forward_vector(const CsrStream& w, const float* values, int64_t block, const float* x, const float* bias,
                        float* sums, float* y) noexcept {
  HWY_DYNAMIC_DISPATCH(CsrForwardVector)(w, values, block, x, bias, sums, y);
}

void csr_weight_grad_vector(const CsrStream& w, int64_t block, int64_t panel_begin, int64_t panel_end, const float* dy,
                            const float* x, float* grad) noexcept {
  HWY_DYNAMIC_DISPATCH(CsrWeightGradVector)(w, block, panel_begin, panel_end, dy, x, grad);
}

}  // namespace gossamer::kernels
#endif  // HWY_ONCE
