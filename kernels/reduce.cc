// Reductions in Highway.
#include "kernels/reduce.h"

#include <cstdint>

#include "kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/reduce.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/reduce-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gossamer::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class T>
bool AllFiniteOf(int64_t n, const T* x) {
  const hn::CappedTag<T, 64 / sizeof(T)> d;
  const hn::CappedTag<T, 1> d1;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    if (!hn::AllTrue(d, hn::IsFinite(hn::LoadU(d, x + i)))) return false;
  }
  for (; i < n; ++i) {
    if (!hn::AllTrue(d1, hn::IsFinite(hn::LoadU(d1, x + i)))) return false;
  }
  return true;
}

// HWY_EXPORT takes no templates: one function for each of the two types.
#define GOSSAMER_REDUCE_OF(T, SUFFIX)                                                                             \
  double SumOfSquares##SUFFIX(int64_t n, const T* x) { return DotOf(n, x, x); }                                   \
  double Sum##SUFFIX(int64_t n, const T* x) { return SumOf(n, x); }                                               \
  double Dot##SUFFIX(int64_t n, const T* x, const T* y) { return DotOf(n, x, y); }                                \
  T Largest##SUFFIX(int64_t n, const T* x) { return LargestOf(n, x); }                                            \
  double ExpMinus##SUFFIX(int64_t n, const T* x, double shift, T* y) { return ExpMinusOf<true>(n, x, shift, y); } \
  double SumExpMinus##SUFFIX(int64_t n, const T* x, double shift) {                                               \
    return ExpMinusOf<false>(n, x, shift, static_cast<T*>(nullptr));                                              \
  }                                                                                                               \
  bool AllFinite##SUFFIX(int64_t n, const T* x) { return AllFiniteOf(n, x); }
GOSSAMER_REDUCE_OF(float, F32)
GOSSAMER_REDUCE_OF(double, F64)
#undef GOSSAMER_REDUCE_OF

}  // namespace HWY_NAMESPACE
}  // namespace gossamer::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gossamer::kernels {

#define GOSSAMER_REDUCE_OF(T, SUFFIX)                                                                                \
  HWY_EXPORT(SumOfSquares##SUFFIX);                                                                                  \
  HWY_EXPORT(Sum##SUFFIX);                                                                                           \
  HWY_EXPORT(Dot##SUFFIX);                                                                                           \
  HWY_EXPORT(Largest##SUFFIX);                                                                                       \
  HWY_EXPORT(ExpMinus##SUFFIX);                                                                                      \
  HWY_EXPORT(SumExpMinus##SUFFIX);                                                                                   \
  HWY_EXPORT(AllFinite##SUFFIX);                                                                                     \
  double sum_of_squares(int64_t n, const T* x) noexcept { return HWY_DYNAMIC_DISPATCH(SumOfSquares##SUFFIX)(n, x); } \
  double sum(int64_t n, const T* x) noexcept { return HWY_DYNAMIC_DISPATCH(Sum##SUFFIX)(n, x); }                     \
  double dot(int64_t n, const T* x, const T* y) noexcept { return HWY_DYNAMIC_DISPATCH(Dot##SUFFIX)(n, x, y); }      \
  T largest(int64_t n, const T* x) noexcept { return HWY_DYNAMIC_DISPATCH(Largest##SUFFIX)(n, x); }                  \
  double exp_minus(int64_t n, const T* x, double shift, T* y) noexcept {                                             \
    return HWY_DYNAMIC_DISPATCH(ExpMinus##SUFFIX)(n, x, shift, y);                                                   \
  }                                                                                                                  \
  double sum_exp_minus(int64_t n, const T* x, double shift) noexcept {                                               \
    return HWY_DYNAMIC_DISPATCH(SumExpMinus##SUFFIX)(n, x, shift);                                                   \
  }                                                                                                                  \
  bool all_finite(int64_t n, const T* x) noexcept { return HWY_DYNAMIC_DISPATCH(AllFinite##SUFFIX)(n, x); }
GOSSAMER_REDUCE_OF(float, F32)
GOSSAMER_REDUCE_OF(double, F64)
#undef GOSSAMER_REDUCE_OF

}  // namespace gossamer::kernels
#endif  // HWY_ONCE
