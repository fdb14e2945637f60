// Scalar specification of kernels/update.h for T = float or double.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/update_rules.h"

namespace gossamer::kernels::reference {

template <typename T>
void axpy(int64_t n, T alpha, const T* x, T* y) noexcept {
  for (int64_t i = 0; i < n; ++i) y[i] += alpha * x[i];
}

template <typename T>
void sgd_step(const SgdScalars<T>& s, int64_t n, const T* grad, T* weight, T* momentum_buffer) noexcept {
  for (int64_t i = 0; i < n; ++i) {
    T g = s.maximize ? -grad[i] : grad[i];
    if (s.weight_decay != T(0)) g += s.weight_decay * weight[i];
    if (momentum_buffer != nullptr) {
      T& buffer = momentum_buffer[i];
      buffer = s.first_step ? g : s.momentum * buffer + s.one_minus_dampening * g;
      g = s.nesterov ? g + s.momentum * buffer : buffer;
    }
    weight[i] -= s.lr * g;
  }
}

template <typename T>
void adam_step(const AdamScalars<T>& s, int64_t n, const T* grad, T* weight, T* exp_avg, T* exp_avg_sq,
               T* max_exp_avg_sq) noexcept {
  for (int64_t i = 0; i < n; ++i) {
    const T w = weight[i] * s.weight_multiplier;
    T g = s.maximize ? -grad[i] : grad[i];
    if (s.weight_decay != T(0)) g += s.weight_decay * w;
    exp_avg[i] += s.one_minus_beta1 * (g - exp_avg[i]);
    exp_avg_sq[i] = s.beta2 * exp_avg_sq[i] + s.one_minus_beta2 * g * g;
    T v = exp_avg_sq[i];
    if (max_exp_avg_sq != nullptr) {
      v = max_exp_avg_sq[i] > v ? max_exp_avg_sq[i] : v;
      max_exp_avg_sq[i] = v;
    }
    weight[i] = w - s.step_size * exp_avg[i] / (std::sqrt(v) / s.bias_correction2_sqrt + s.eps);
  }
}

}  // namespace gossamer::kernels::reference
