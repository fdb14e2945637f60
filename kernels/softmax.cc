// Softmax and its logarithm in Highway.
#include "kernels/softmax.h"

#include <cmath>
#include <cstdint>

#include "kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/softmax.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/foreach-inl.h"
#include "kernels/reduce-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gossamer::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// The largest is subtracted, so that no exponential overflows. A NaN comes back through the sum.
template <class T>
void SoftmaxOf(int64_t n, const T* x, T* y) {
  const double sum = ExpMinusOf<true>(n, x, static_cast<double>(LargestOf(n, x)), y);
  const T factor = static_cast<T>(1 / sum);
  ForEachVector(
      n, y, [=](auto d, auto v) HWY_ATTR { return hn::Mul(v, hn::Set(d, factor)); }, Operand<T>{y});
}

template <class T>
void SoftmaxGradOf(int64_t n, const T* y, const T* dy, T* dx) {
  const T dot = static_cast<T>(DotOf(n, dy, y));
  ForEachVector(
      n, dx, [=](auto d, auto v, auto dv) HWY_ATTR { return hn::Mul(v, hn::Sub(dv, hn::Set(d, dot))); }, Operand<T>{y},
      Operand<T>{dy});
}

template <class T>
void LogSoftmaxOf(int64_t n, const T* x, T* y) {
  const T top = LargestOf(n, x);
  const T log_sum = static_cast<T>(std::log(ExpMinusOf<false>(n, x, static_cast<double>(top), y)));
  ForEachVector(
      n, y, [=](auto d, auto v) HWY_ATTR { return hn::Sub(hn::Sub(v, hn::Set(d, top)), hn::Set(d, log_sum)); },
      Operand<T>{x});
}

template <class T>
void LogSoftmaxGradOf(int64_t n, const T* y, const T* dy, T* dx) {
  const T sum = static_cast<T>(SumOf(n, dy));
  ForEachVector(
      n, dx, [=](auto d, auto v, auto dv) HWY_ATTR { return hn::Sub(dv, hn::Mul(TotalExp(d, v), hn::Set(d, sum))); },
      Operand<T>{y}, Operand<T>{dy});
}

// HWY_EXPORT takes no templates: one function for each of the two types.
#define GOSSAMER_SOFTMAX_OF(T, SUFFIX)                                                                 \
  void Softmax##SUFFIX(int64_t n, const T* x, T* y) { SoftmaxOf(n, x, y); }                            \
  void SoftmaxGrad##SUFFIX(int64_t n, const T* y, const T* dy, T* dx) { SoftmaxGradOf(n, y, dy, dx); } \
  void LogSoftmax##SUFFIX(int64_t n, const T* x, T* y) { LogSoftmaxOf(n, x, y); }                      \
  void LogSoftmaxGrad##SUFFIX(int64_t n, const T* y, const T* dy, T* dx) { LogSoftmaxGradOf(n, y, dy, dx); }
GOSSAMER_SOFTMAX_OF(float, F32)
GOSSAMER_SOFTMAX_OF(double, F64)
#undef GOSSAMER_SOFTMAX_OF

}  // namespace HWY_NAMESPACE
}  // namespace gossamer::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gossamer::kernels {

#define GOSSAMER_SOFTMAX_OF(T, SUFFIX)                                                                          \
  HWY_EXPORT(Softmax##SUFFIX);                                                                                  \
  HWY_EXPORT(SoftmaxGrad##SUFFIX);                                                                              \
  HWY_EXPORT(LogSoftmax##SUFFIX);                                                                               \
  HWY_EXPORT(LogSoftmaxGrad##SUFFIX);                                                                           \
  void softmax(int64_t n, const T* x, T* y) noexcept { HWY_DYNAMIC_DISPATCH(Softmax##SUFFIX)(n, x, y); }        \
  void softmax_grad(int64_t n, const T* y, const T* dy, T* dx) noexcept {                                       \
    HWY_DYNAMIC_DISPATCH(SoftmaxGrad##SUFFIX)(n, y, dy, dx);                                                    \
  }                                                                                                             \
  void log_softmax(int64_t n, const T* x, T* y) noexcept { HWY_DYNAMIC_DISPATCH(LogSoftmax##SUFFIX)(n, x, y); } \
  void log_softmax_grad(int64_t n, const T* y, const T* dy, T* dx) noexcept {                                   \
    HWY_DYNAMIC_DISPATCH(LogSoftmaxGrad##SUFFIX)(n, y, dy, dx);                                                 \
  }
GOSSAMER_SOFTMAX_OF(float, F32)
GOSSAMER_SOFTMAX_OF(double, F64)
#undef GOSSAMER_SOFTMAX_OF

}  // namespace gossamer::kernels
#endif  // HWY_ONCE
