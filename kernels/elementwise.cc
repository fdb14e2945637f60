// Elementwise kernels in Highway.
#include "kernels/elementwise.h"

#include <cstddef>
#include <cstdint>

#include "kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/elementwise.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gossamer::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Runs op(tag, index) over whole vectors, then over the rest with one-lane vectors: the same instructions round the
// tail as round the body, and no load goes beyond the last element.
template <class Op>
HWY_INLINE void ForEachVector(int64_t n, const Op& op) {
  const hn::CappedTag<float, 16> d;
  const hn::CappedTag<float, 1> d1;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) op(d, i);
  for (; i < n; ++i) op(d1, i);
}

void Axpy(int64_t n, float alpha, const float* x, float* y) {
  ForEachVector(n, [=](auto d, int64_t i) HWY_ATTR {
    hn::StoreU(hn::MulAdd(hn::Set(d, alpha), hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  });
}

void Relu(int64_t n, const float* x, float* y) {
  ForEachVector(n, [=](auto d, int64_t i) HWY_ATTR {
    const auto v = hn::LoadU(d, x + i);
    hn::StoreU(hn::IfThenZeroElse(hn::Le(v, hn::Zero(d)), v), d, y + i);  // this way round NaN passes through
  });
}

void ReluBackward(int64_t n, const float* x, const float* dy, float* dx) {
  ForEachVector(n, [=](auto d, int64_t i) HWY_ATTR {
    hn::StoreU(hn::IfThenElseZero(hn::Gt(hn::LoadU(d, x + i), hn::Zero(d)), hn::LoadU(d, dy + i)), d, dx + i);
  });
}

double SumOfSquares(int64_t n, const float* x) {
  const hn::CappedTag<double, 8> d;
  const hn::Rebind<float, decltype(d)> df;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  // Four chains hide the latency of the additions.
  auto sum0 = hn::Zero(d);
  auto sum1 = hn::Zero(d);
  auto sum2 = hn::Zero(d);
  auto sum3 = hn::Zero(d);
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    const auto v0 = hn::PromoteTo(d, hn::LoadU(df, x + i));
    const auto v1 = hn::PromoteTo(d, hn::LoadU(df, x + i + lanes));
    const auto v2 = hn::PromoteTo(d, hn::LoadU(df, x + i + 2 * lanes));
    const auto v3 = hn::PromoteTo(d, hn::LoadU(df, x + i + 3 * lanes));
    sum0 = hn::MulAdd(v0, v0, sum0);
    sum1 = hn::MulAdd(v1, v1, sum1);
    sum2 = hn::MulAdd(v2, v2, sum2);
    sum3 = hn::MulAdd(v3, v3, sum3);
  }
  double sum = hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3))));
  for (; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

bool AllFinite(int64_t n, const float* x) {
  const hn::CappedTag<float, 16> d;
  const hn::CappedTag<float, 1> d1;
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

// Gradient of the loss to be minimized, weight decay included.
template <class D, class V>
HWY_INLINE V StepGradient(D d, const float* grad, bool maximize, float weight_decay, V weight) {
  V g = hn::LoadU(d, grad);
  if (maximize) g = hn::Neg(g);
  return weight_decay == 0.0f ? g : hn::MulAdd(hn::Set(d, weight_decay), weight, g);
}

template <bool kMomentum>
void SgdStepLoop(const SgdScalars<float>& s, int64_t n, const float* grad, float* weight, float* momentum_buffer) {
  ForEachVector(n, [=](auto d, int64_t i) HWY_ATTR {
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

void SgdStep(const SgdScalars<float>& s, int64_t n, const float* grad, float* weight, float* momentum_buffer) {
  if (momentum_buffer == nullptr) return SgdStepLoop<false>(s, n, grad, weight, momentum_buffer);
  SgdStepLoop<true>(s, n, grad, weight, momentum_buffer);
}

template <bool kAmsgrad>
void AdamStepLoop(const AdamScalars<float>& s, int64_t n, const float* grad, float* weight, float* exp_avg,
                  float* exp_avg_sq, float* max_exp_avg_sq) {
  ForEachVector(n, [=](auto d, int64_t i) HWY_ATTR {
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

void AdamStep(const AdamScalars<float>& s, int64_t n, const float* grad, float* weight, float* exp_avg,
              float* exp_avg_sq, float* max_exp_avg_sq) {
  if (max_exp_avg_sq == nullptr) return AdamStepLoop<false>(s, n, grad, weight, exp_avg, exp_avg_sq, max_exp_avg_sq);
  AdamStepLoop<true>(s, n, grad, weight, exp_avg, exp_avg_sq, max_exp_avg_sq);
}

}  // namespace HWY_NAMESPACE
}  // namespace gossamer::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gossamer::kernels {

HWY_EXPORT(Axpy);
HWY_EXPORT(Relu);
HWY_EXPORT(ReluBackward);
HWY_EXPORT(SumOfSquares);
HWY_EXPORT(AllFinite);
HWY_EXPORT(SgdStep);
HWY_EXPORT(AdamStep);

void axpy(int64_t n, float alpha, const float* x, float* y) noexcept { HWY_DYNAMIC_DISPATCH(Axpy)(n, alpha, x, y); }

void relu(int64_t n, const float* x, float* y) noexcept { HWY_DYNAMIC_DISPATCH(Relu)(n, x, y); }

void relu_backward(int64_t n, const float* x, const float* dy, float* dx) noexcept {
  HWY_DYNAMIC_DISPATCH(ReluBackward)(n, x, dy, dx);
}

double sum_of_squares(int64_t n, const float* x) noexcept { return HWY_DYNAMIC_DISPATCH(SumOfSquares)(n, x); }

bool all_finite(int64_t n, const float* x) noexcept { return HWY_DYNAMIC_DISPATCH(AllFinite)(n, x); }

void sgd_step(const SgdScalars<float>& s, int64_t n, const float* grad, float* weight,
              float* momentum_buffer) noexcept {
  HWY_DYNAMIC_DISPATCH(SgdStep)(s, n, grad, weight, momentum_buffer);
}

void adam_step(const AdamScalars<float>& s, int64_t n, const float* grad, float* weight, float* exp_avg,
               float* exp_avg_sq, float* max_exp_avg_sq) noexcept {
  HWY_DYNAMIC_DISPATCH(AdamStep)(s, n, grad, weight, exp_avg, exp_avg_sq, max_exp_avg_sq);
}

}  // namespace gossamer::kernels
#endif  // HWY_ONCE
