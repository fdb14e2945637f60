// Sums and optimizer steps in Highway.
#include "kernels/update.h"

#include <cstdint>

#include "kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/update.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gossamer::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Runs op(tag, index) over whole vectors, then over the rest with one-lane vectors: the same instructions round the
// tail as round the body, and no load goes beyond the last element.
template <class T, class Op>
HWY_INLINE void ForEachVector(int64_t n, const Op& op) {
  const hn::CappedTag<T, 64 / sizeof(T)> d;
  const hn::CappedTag<T, 1> d1;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) op(d, i);
  for (; i < n; ++i) op(d1, i);
}

template <class T>
void AxpyOf(int64_t n, T alpha, const T* x, T* y) {
  ForEachVector<T>(n, [=](auto d, int64_t i) HWY_ATTR {
    hn::StoreU(hn::MulAdd(hn::Set(d, alpha), hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  });
}

// Gradient of the loss to be minimized, weight decay included.
template <class D, class V, class T>
HWY_INLINE V StepGradient(D d, const T* grad, bool maximize, T weight_decay, V weight) {
  V g = hn::LoadU(d, grad);
  if (maximize) g = hn::Neg(g);
  return weight_decay == T(0) ? g : hn::MulAdd(hn::Set(d, weight_decay), weight, g);
}

template <bool kMomentum, class T>
void SgdLoop(const SgdScalars<T>& s, int64_t n, const T* grad, T* weight, T* momentum_buffer) {
  ForEachVector<T>(n, [=](auto d, int64_t i) HWY_ATTR {
    const auto w = hn::LoadU(d, weight + i);
    auto g = StepGradient(d, grad + i, s.maximize, s.weight_decay, w);
    if constexpr (kMomentum) {
      const auto momentum = hn::Set(d, s.momentum);
      auto buffer = g;
      if (!s.first_step) {
        buffer = hn::MulAdd(hn::Set(d, s.one_minus_dampening), g, hn::Mul(momentum, hn::LoadU(d, momentum_buffer + i)));
      }
      hn::StoreU(buffer, d, momentum_buffer + i);
      g = s.nesterov ? hn::MulAdd(momentum, buffer, g) : buffer;
    }
    hn::StoreU(hn::NegMulAdd(hn::Set(d, s.lr), g, w), d, weight + i);
  });
}

template <class T>
void SgdOf(const SgdScalars<T>& s, int64_t n, const T* grad, T* weight, T* momentum_buffer) {
  if (momentum_buffer == nullptr) return SgdLoop<false>(s, n, grad, weight, momentum_buffer);
  SgdLoop<true>(s, n, grad, weight, momentum_buffer);
}

template <bool kAmsgrad, class T>
void AdamLoop(const AdamScalars<T>& s, int64_t n, const T* grad, T* weight, T* exp_avg, T* exp_avg_sq,
              T* max_exp_avg_sq) {
  ForEachVector<T>(n, [=](auto d, int64_t i) HWY_ATTR {
    const auto w = hn::Mul(hn::LoadU(d, weight + i), hn::Set(d, s.weight_multiplier));
    const auto g = StepGradient(d, grad + i, s.maximize, s.weight_decay, w);
    auto m = hn::LoadU(d, exp_avg + i);
    m = hn::MulAdd(hn::Set(d, s.one_minus_beta1), hn::Sub(g, m), m);
    hn::StoreU(m, d, exp_avg + i);
    auto v = hn::Mul(hn::Set(d, s.beta2), hn::LoadU(d, exp_avg_sq + i));
    v = hn::MulAdd(hn::Mul(hn::Set(d, s.one_minus_beta2), g), g, v);
    hn::StoreU(v, d, exp_avg_sq + i);
    if constexpr (kAmsgrad) {
      const auto max_v = hn::LoadU(d, max_exp_avg_sq + i);
      v = hn::IfThenElse(hn::Gt(max_v, v), max_v, v);
      hn::StoreU(v, d, max_exp_avg_sq + i);
    }
    const auto denominator = hn::Add(hn::Div(hn::Sqrt(v), hn::Set(d, s.bias_correction2_sqrt)), hn::Set(d, s.eps));
    hn::StoreU(hn::Sub(w, hn::Div(hn::Mul(hn::Set(d, s.step_size), m), denominator)), d, weight + i);
  });
}

template <class T>
void AdamOf(const AdamScalars<T>& s, int64_t n, const T* grad, T* weight, T* exp_avg, T* exp_avg_sq,
            T* max_exp_avg_sq) {
  if (max_exp_avg_sq == nullptr) return AdamLoop<false>(s, n, grad, weight, exp_avg, exp_avg_sq, max_exp_avg_sq);
  AdamLoop<true>(s, n, grad, weight, exp_avg, exp_avg_sq, max_exp_avg_sq);
}

// HWY_EXPORT takes no templates: one function for each of the two types.
#define GOSSAMER_UPDATE_OF(T, SUFFIX)                                                                        \
  void Axpy##SUFFIX(int64_t n, T alpha, const T* x, T* y) { AxpyOf(n, alpha, x, y); }                        \
  void Sgd##SUFFIX(const SgdScalars<T>& s, int64_t n, const T* grad, T* weight, T* momentum_buffer) {        \
    SgdOf(s, n, grad, weight, momentum_buffer);                                                              \
  }                                                                                                          \
  void Adam##SUFFIX(const AdamScalars<T>& s, int64_t n, const T* grad, T* weight, T* exp_avg, T* exp_avg_sq, \
                    T* max_exp_avg_sq) {                                                                     \
    AdamOf(s, n, grad, weight, exp_avg, exp_avg_sq, max_exp_avg_sq);                                         \
  }
GOSSAMER_UPDATE_OF(float, F32)
GOSSAMER_UPDATE_OF(double, F64)
#undef GOSSAMER_UPDATE_OF

}  // namespace HWY_NAMESPACE
}  // namespace gossamer::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gossamer::kernels {

#define GOSSAMER_UPDATE_OF(T, SUFFIX)                                                                              \
  HWY_EXPORT(Axpy##SUFFIX);                                                                                        \
  HWY_EXPORT(Sgd##SUFFIX);                                                                                         \
  HWY_EXPORT(Adam##SUFFIX);                                                                                        \
  void axpy(int64_t n, T alpha, const T* x, T* y) noexcept { HWY_DYNAMIC_DISPATCH(Axpy##SUFFIX)(n, alpha, x, y); } \
  void sgd_step(const SgdScalars<T>& s, int64_t n, const T* grad, T* weight, T* momentum_buffer) noexcept {        \
    HWY_DYNAMIC_DISPATCH(Sgd##SUFFIX)(s, n, grad, weight, momentum_buffer);                                        \
  }                                                                                                                \
  void adam_step(const AdamScalars<T>& s, int64_t n, const T* grad, T* weight, T* exp_avg, T* exp_avg_sq,          \
                 T* max_exp_avg_sq) noexcept {                                                                     \
    HWY_DYNAMIC_DISPATCH(Adam##SUFFIX)(s, n, grad, weight, exp_avg, exp_avg_sq, max_exp_avg_sq);                   \
  }
GOSSAMER_UPDATE_OF(float, F32)
GOSSAMER_UPDATE_OF(double, F64)
#undef GOSSAMER_UPDATE_OF

}  // namespace gossamer::kernels
#endif  // HWY_ONCE
