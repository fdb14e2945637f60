// Copies of rows in Highway.
#include "kernels/copy_rows.h"

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/copy_rows.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/copy_rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gossamer::kernels {
namespace HWY_NAMESPACE {

// The elements [i, n - 1) of a strided row, as many as whole vectors of kSize hold: the last element of a row has none
// behind it that may be touched.
template <size_t kSize, bool kSpread, class T>
HWY_INLINE int64_t EverySecondBy(int64_t i, int64_t n, const T* HWY_RESTRICT from, T* HWY_RESTRICT to) {
  const hn::CappedTag<T, kSize> d;
  constexpr auto kStep = static_cast<int64_t>(hn::MaxLanes(d));
  for (; i + kStep < n; i += kStep) {
    hn::Vec<decltype(d)> even, odd;
    if constexpr (kSpread) {
      hn::LoadInterleaved2(d, to + 2 * i, even, odd);
      hn::StoreInterleaved2(hn::LoadU(d, from + i), odd, d, to + 2 * i);
    } else {
      hn::LoadInterleaved2(d, from + 2 * i, even, odd);
      hn::StoreU(even, d, to + i);
    }
  }
  return i;
}

template <bool kSpread, class T>
HWY_INLINE void EverySecondOf(int64_t rows, int64_t n, const T* HWY_RESTRICT from, int64_t from_stride,
                              T* HWY_RESTRICT to, int64_t to_stride) {
  constexpr size_t kMost = 64 / sizeof(T);
  for (int64_t r = 0; r < rows; ++r, from += from_stride, to += to_stride) {
    int64_t i = EverySecondBy<kMost, kSpread>(0, n, from, to);
    i = EverySecondBy<kMost / 2, kSpread>(i, n, from, to);
    i = EverySecondBy<kMost / 4, kSpread>(i, n, from, to);
    for (; i < n; ++i) to[kSpread ? 2 * i : i] = from[kSpread ? i : 2 * i];
  }
}

#define GOSSAMER_COPY_KERNELS_OF(T, Suffix)                                                                      \
  void CopyRows##Suffix(int64_t rows, int64_t n, const T* from, int64_t from_stride, T* to, int64_t to_stride) { \
    CopyRowsOf(rows, n, from, from_stride, to, to_stride);                                                       \
  }                                                                                                              \
  void GatherEverySecond##Suffix(int64_t rows, int64_t n, const T* from, int64_t from_stride, T* to,             \
                                 int64_t to_stride) {                                                            \
    EverySecondOf<false>(rows, n, from, from_stride, to, to_stride);                                             \
  }                                                                                                              \
  void ScatterEverySecond##Suffix(int64_t rows, int64_t n, const T* from, int64_t from_stride, T* to,            \
                                  int64_t to_stride) {                                                           \
    EverySecondOf<true>(rows, n, from, from_stride, to, to_stride);                                              \
  }
GOSSAMER_COPY_KERNELS_OF(float, F32)
GOSSAMER_COPY_KERNELS_OF(double, F64)
#undef GOSSAMER_COPY_KERNELS_OF

}  // namespace HWY_NAMESPACE
}  // namespace gossamer::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gossamer::kernels {

HWY_EXPORT(CopyRowsF32);
HWY_EXPORT(CopyRowsF64);
HWY_EXPORT(GatherEverySecondF32);
HWY_EXPORT(GatherEverySecondF64);
HWY_EXPORT(ScatterEverySecondF32);
HWY_EXPORT(ScatterEverySecondF64);

template <class T>
void copy_rows(int64_t rows, int64_t n, const T* from, int64_t from_stride, T* to, int64_t to_stride) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    HWY_DYNAMIC_DISPATCH(CopyRowsF32)(rows, n, from, from_stride, to, to_stride);
  } else {
    HWY_DYNAMIC_DISPATCH(CopyRowsF64)(rows, n, from, from_stride, to, to_stride);
  }
}

template <class T>
void gather_every_second(int64_t rows, int64_t n, const T* from, int64_t from_stride, T* to,
                         int64_t to_stride) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    HWY_DYNAMIC_DISPATCH(GatherEverySecondF32)(rows, n, from, from_stride, to, to_stride);
  } else {
    HWY_DYNAMIC_DISPATCH(GatherEverySecondF64)(rows, n, from, from_stride, to, to_stride);
  }
}

template <class T>
void scatter_every_second(int64_t rows, int64_t n, const T* from, int64_t from_stride, T* to,
                          int64_t to_stride) noexcept {
  if constexpr (std::is_same_v<T, float>) {
    HWY_DYNAMIC_DISPATCH(ScatterEverySecondF32)(rows, n, from, from_stride, to, to_stride);
  } else {
    HWY_DYNAMIC_DISPATCH(ScatterEverySecondF64)(rows, n, from, from_stride, to, to_stride);
  }
}

#define GOSSAMER_COPY_KERNELS_OF(T)                                                             \
  template void copy_rows(int64_t, int64_t, const T*, int64_t, T*, int64_t) noexcept;           \
  template void gather_every_second(int64_t, int64_t, const T*, int64_t, T*, int64_t) noexcept; \
  template void scatter_every_second(int64_t, int64_t, const T*, int64_t, T*, int64_t) noexcept;
GOSSAMER_COPY_KERNELS_OF(float)
GOSSAMER_COPY_KERNELS_OF(double)
#undef GOSSAMER_COPY_KERNELS_OF

}  // namespace gossamer::kernels
#endif  // HWY_ONCE
