// Transcendental functions on vectors of float and double, over Highway's hwy/contrib/math: what those leave undefined
// is defined here. Included once per target, after hwy/highway.h.
#if defined(GOSSAMER_KERNELS_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GOSSAMER_KERNELS_MATH_INL_H_
#undef GOSSAMER_KERNELS_MATH_INL_H_
#else
#define GOSSAMER_KERNELS_MATH_INL_H_
#endif

#include <limits>

#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gossamer::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Total: defined for every argument. Highway's is 0 for NaN, and undefined where the result overflows.
template <class D, class V>
HWY_INLINE V TotalExp(D d, V x) {
  using T = hn::TFromD<D>;
  const V bound = hn::Set(d, sizeof(T) == 4 ? T(88.72283935546875) : T(709.782712893384));  // the largest finite result
  const V y = hn::Exp(d, hn::Min(x, bound));
  const V high = hn::IfThenElse(hn::Gt(x, bound), hn::Set(d, std::numeric_limits<T>::infinity()), y);
  return hn::IfThenElse(hn::IsNaN(x), x, high);
}

}  // namespace HWY_NAMESPACE
}  // namespace gossamer::kernels
HWY_AFTER_NAMESPACE();

#endif  // include guard
