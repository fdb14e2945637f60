// The loop of elementwise kernels. Included once per target, after hwy/highway.h.
#if defined(GOSSAMER_KERNELS_FOREACH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GOSSAMER_KERNELS_FOREACH_INL_H_
#undef GOSSAMER_KERNELS_FOREACH_INL_H_
#else
#define GOSSAMER_KERNELS_FOREACH_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "hwy/highway.h"
#include "kernels/elementwise.h"

HWY_BEFORE_NAMESPACE();
namespace gossamer::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using Tag = hn::CappedTag<T, 64 / sizeof(T)>;
template <class T>
constexpr size_t kMaxLanes = hn::MaxLanes(Tag<T>());

// A vector of consecutive elements, or of one repeated. Fewer than a vector are followed by zeros, so that the last
// elements go through the instructions of all others and no load goes beyond them.
template <class T>
HWY_INLINE hn::Vec<Tag<T>> LoadOperand(const Operand<T>& x, int64_t i, int64_t n) {
  const Tag<T> d;
  if (x.stride == 0) return hn::Set(d, *x.data);
  if (n >= static_cast<int64_t>(kMaxLanes<T>)) return hn::LoadU(d, x.data + i);
  HWY_ALIGN T rest[kMaxLanes<T>] = {};
  std::copy_n(x.data + i, n, rest);
  return hn::Load(d, rest);
}

template <class T>
HWY_INLINE void StoreFirst(hn::Vec<Tag<T>> v, int64_t n, T* y) {
  HWY_ALIGN T rest[kMaxLanes<T>];
  hn::Store(v, Tag<T>(), rest);
  std::copy_n(rest, n, y);
}

// y[i] = op(d, operands...)
template <class T, class Op, class... Operands>
HWY_INLINE void ForEachVector(int64_t n, T* y, const Op& op, const Operands&... operands) {
  const Tag<T> d;
  constexpr int64_t kLanes = kMaxLanes<T>;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) hn::StoreU(op(d, LoadOperand<T>(operands, i, kLanes)...), d, y + i);
  if (i < n) StoreFirst<T>(op(d, LoadOperand<T>(operands, i, n - i)...), n - i, y + i);
}

}  // namespace HWY_NAMESPACE
}  // namespace gossamer::kernels
HWY_AFTER_NAMESPACE();

#endif  // include guard
