// Rows of elements copied by vectors. Included once for every target.
#if defined(GOSSAMER_KERNELS_COPY_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GOSSAMER_KERNELS_COPY_ROWS_INL_H_
#undef GOSSAMER_KERNELS_COPY_ROWS_INL_H_
#else
#define GOSSAMER_KERNELS_COPY_ROWS_INL_H_
#endif

#include <cstddef>
#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gossamer::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Rows of n elements, from kSize to twice as many: the last vector overlaps the ones before.
template <size_t kSize, class T>
HWY_INLINE void CopyRowsBy(int64_t rows, int64_t n, const T* HWY_RESTRICT from, int64_t from_stride, T* HWY_RESTRICT to,
                           int64_t to_stride) {
  const hn::CappedTag<T, kSize> d;
  constexpr auto kStep = static_cast<int64_t>(hn::MaxLanes(d));
  for (int64_t r = 0; r < rows; ++r, from += from_stride, to += to_stride) {
    for (int64_t i = 0; i + kStep <= n; i += kStep) hn::StoreU(hn::LoadU(d, from + i), d, to + i);
    hn::StoreU(hn::LoadU(d, from + n - kStep), d, to + n - kStep);
  }
}

template <class T>
HWY_INLINE void CopyRowsOf(int64_t rows, int64_t n, const T* HWY_RESTRICT from, int64_t from_stride, T* HWY_RESTRICT to,
                           int64_t to_stride) {
  constexpr size_t kMost = 64 / sizeof(T);
  if (n >= static_cast<int64_t>(kMost)) return CopyRowsBy<kMost>(rows, n, from, from_stride, to, to_stride);
  if (n >= static_cast<int64_t>(kMost / 2)) return CopyRowsBy<kMost / 2>(rows, n, from, from_stride, to, to_stride);
  if (n >= static_cast<int64_t>(kMost / 4)) return CopyRowsBy<kMost / 4>(rows, n, from, from_stride, to, to_stride);
  for (int64_t r = 0; r < rows; ++r, from += from_stride, to += to_stride) {
    for (int64_t i = 0; i < n; ++i) to[i] = from[i];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gossamer::kernels
HWY_AFTER_NAMESPACE();

#endif  // include guard
