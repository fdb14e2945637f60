// Dense products of few samples in Highway.
#include "kernels/dense.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "hwy/cache_control.h"
#include "kernels/reference/dense.h"
#include "kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dense.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gossamer::kernels {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR  // without vectors the reference does

void DenseForwardFew(int64_t rows, int64_t cols, const float* w, bool /*w_in_memory*/, int64_t samples, const float* x,
                     const float* bias, float* y, int64_t ld) {
  reference::dense_forward_few(rows, cols, w, samples, x, bias, y, ld);
}

#else

namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::CappedTag<float, 16>;
using Vector = hn::Vec<Floats>;
constexpr int64_t kLanes = hn::MaxLanes(Floats());

// The last n of `size` elements, n < kLanes <= size, behind zeros.
HWY_INLINE Vector LoadLast(const float* x, int64_t size, int64_t n) {
  const Floats d;
  return hn::IfThenZeroElse(hn::FirstN(d, static_cast<size_t>(kLanes - n)), hn::LoadU(d, x + size - kLanes));
}

template <class D>
HWY_INLINE hn::Vec<hn::CappedTag<float, 4>> AddBlocks(D d, hn::Vec<D> v) {
  if constexpr (hn::MaxLanes(d) <= 4) {
    return v;
  } else {
    const hn::Half<D> half;
    return AddBlocks(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}

// The sums of the lanes of four vectors, which share the steps of adding.
HWY_INLINE hn::Vec<hn::CappedTag<float, 4>> SumsOfLanes(Vector a, Vector b, Vector c, Vector e) {
  const Floats d;
  const hn::RepartitionToWide<Floats> pairs;
  const auto ab = hn::BitCast(pairs, hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b)));
  const auto ce = hn::BitCast(pairs, hn::Add(hn::InterleaveLower(d, c, e), hn::InterleaveUpper(d, c, e)));
  return AddBlocks(d, hn::Add(hn::BitCast(d, hn::InterleaveLower(pairs, ab, ce)),
                              hn::BitCast(d, hn::InterleaveUpper(pairs, ab, ce))));
}

// Rows [0, kRows) of W for kSamples samples, each sum in kChains vectors. Fetches the rows after these, in the order in
// which they lie.
template <int kRows, int kSamples, int kChains>
HWY_INLINE void MultiplyRows(int64_t cols, const float* HWY_RESTRICT w, const float* HWY_RESTRICT x,
                             const float* HWY_RESTRICT bias, float* HWY_RESTRICT y, int64_t ld) {
  constexpr int64_t kStep = kChains * kLanes;
  constexpr int64_t kLine = 64 / sizeof(float);
  constexpr int kSums = kRows * kSamples;
  const Floats d;
  Vector sums[kChains][kSums];  // of sample n and a row at n * kRows + row
  for (auto& of_chain : sums) {
    for (auto& sum : of_chain) sum = hn::Zero(d);
  }
  const auto add = [&](int chain, const auto& load) HWY_ATTR {
    Vector of_x[kSamples];
    for (int n = 0; n < kSamples; ++n) of_x[n] = load(x + n * cols);
    for (int row = 0; row < kRows; ++row) {
      const Vector of_w = load(w + row * cols);
      for (int n = 0; n < kSamples; ++n) {
        Vector& sum = sums[chain][n * kRows + row];
        sum = hn::MulAdd(of_w, of_x[n], sum);
      }
    }
  };
  int64_t col = 0;
  for (; col + kStep <= cols; col += kStep) {
    for (int64_t i = 0; i < kRows * kStep; i += kLine) hwy::Prefetch(w + kRows * (cols + col) + i);
    for (int chain = 0; chain < kChains; ++chain) {
      add(chain, [&](const float* from) HWY_ATTR { return hn::LoadU(d, from + col + chain * kLanes); });
    }
  }
  for (; col + kLanes <= cols; col += kLanes) {
    add(0, [&](const float* from) HWY_ATTR { return hn::LoadU(d, from + col); });
  }
  if (col < cols) {
    add(0, [&](const float* from) HWY_ATTR { return LoadLast(from, cols, cols - col); });
  }
  const auto sum_of = [&](int i) HWY_ATTR {
    if (i >= kSums) return hn::Zero(d);
    Vector sum = sums[0][i];
    for (int chain = 1; chain < kChains; ++chain) sum = hn::Add(sum, sums[chain][i]);
    return sum;
  };
  HWY_ALIGN float results[(kSums + 3) / 4 * 4];
  for (int i = 0; i < kSums; i += 4) {
    hn::Store(SumsOfLanes(sum_of(i), sum_of(i + 1), sum_of(i + 2), sum_of(i + 3)), hn::CappedTag<float, 4>(),
              results + i);
  }
  for (int n = 0; n < kSamples; ++n) {
    for (int row = 0; row < kRows; ++row) {
      y[n * ld + row] = results[n * kRows + row] + (bias == nullptr ? 0.0F : bias[row]);
    }
  }
}

// Samples at once. Their sums with four rows fill the registers, of which AVX-512 and arm64 have 32, and others two for
// a product without a fused sum.
constexpr int kGroup = HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64 ? 4 : (HWY_TARGET <= HWY_AVX2 ? 3 : 2);
constexpr int kRows = 4;

template <int kSamples>
void Multiply(int64_t rows, int64_t cols, const float* w, const float* x, const float* bias, float* y, int64_t ld) {
  constexpr int kChains = kSamples == 1 ? 2 : 1;
  int64_t row = 0;
  const auto bias_of = [&] { return bias == nullptr ? nullptr : bias + row; };
  for (; row + kRows <= rows; row += kRows) {
    MultiplyRows<kRows, kSamples, kChains>(cols, w + row * cols, x, bias_of(), y + row, ld);
  }
  for (; row < rows; ++row) {
    MultiplyRows<1, kSamples, kChains>(cols, w + row * cols, x, bias_of(), y + row, ld);
  }
}

template <int kSamples = kGroup, class... Args>
HWY_INLINE void MultiplyGroup(int64_t samples, const Args&... args) {
  if constexpr (kSamples > 1) {
    if (samples < kSamples) return MultiplyGroup<kSamples - 1>(samples, args...);
  }
  Multiply<kSamples>(args...);
}

// One sample and rows one by one, as they come from memory: the hardware fetches ahead along a row at the speed of
// memory, where four rows at once take up to 1.3 times as long, with or without fetching by software.
void MultiplyRowByRow(int64_t rows, int64_t cols, const float* HWY_RESTRICT w, const float* HWY_RESTRICT x,
                      const float* HWY_RESTRICT bias, float* HWY_RESTRICT y) {
  const Floats d;
  for (int64_t row = 0; row < rows; ++row, w += cols) {
    Vector sum0 = hn::Zero(d), sum1 = hn::Zero(d), sum2 = hn::Zero(d), sum3 = hn::Zero(d);
    const auto add = [&](int64_t at, Vector sum)
                         HWY_ATTR { return hn::MulAdd(hn::LoadU(d, w + at), hn::LoadU(d, x + at), sum); };
    int64_t col = 0;
    for (; col + 4 * kLanes <= cols; col += 4 * kLanes) {
      sum0 = add(col, sum0);
      sum1 = add(col + kLanes, sum1);
      sum2 = add(col + 2 * kLanes, sum2);
      sum3 = add(col + 3 * kLanes, sum3);
    }
    for (; col + kLanes <= cols; col += kLanes) sum0 = add(col, sum0);
    if (col < cols) sum1 = hn::MulAdd(LoadLast(w, cols, cols - col), LoadLast(x, cols, cols - col), sum1);
    const auto sum = hn::SumOfLanes(d, hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3)));
    y[row] = hn::GetLane(sum) + (bias == nullptr ? 0.0F : bias[row]);
  }
}

void DenseForwardFew(int64_t rows, int64_t cols, const float* w, bool w_in_memory, int64_t samples, const float* x,
                     const float* bias, float* y, int64_t ld) {
  if (cols < kLanes) return reference::dense_forward_few(rows, cols, w, samples, x, bias, y, ld);
  if (samples == 1 && w_in_memory) return MultiplyRowByRow(rows, cols, w, x, bias, y);
  // Groups after the first read the rows from L1.
  const int64_t step = samples <= kGroup ? rows : kRows;
  for (int64_t row = 0; row < rows; row += step) {
    for (int64_t n = 0; n < samples; n += kGroup) {
      MultiplyGroup(samples - n, std::min(step, rows - row), cols, w + row * cols, x + n * cols,
                    bias == nullptr ? nullptr : bias + row, y + n * ld + row, ld);
    }
  }
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace gossamer::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gossamer::kernels {

HWY_EXPORT(DenseForwardFew);

void dense_forward_few(int64_t rows, int64_t cols, const float* w, bool w_in_memory, int64_t samples, const float* x,
                       const float* bias, float* y, int64_t ld) noexcept {
  HWY_DYNAMIC_DISPATCH(DenseForwardFew)(rows, cols, w, w_in_memory, samples, x, bias, y, ld);
}

}  // namespace gossamer::kernels
#endif  // HWY_ONCE
