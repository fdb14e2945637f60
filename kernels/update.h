// Sums and optimizer steps in place, over contiguous arrays of float or double: one thread, noexcept, no allocation, no
// alignment required. Every element goes through the same operations wherever it stands. n may be 0.
#pragma once

#include <cstdint>

#include "kernels/update_rules.h"

namespace gossamer::kernels {

// y[i] += alpha * x[i]
void axpy(int64_t n, float alpha, const float* x, float* y) noexcept;
void axpy(int64_t n, double alpha, const double* x, double* y) noexcept;

// One SGD update of n weights in place. momentum_buffer may be null: no momentum.
void sgd_step(const SgdScalars<float>& s, int64_t n, const float* grad, float* weight, float* momentum_buffer) noexcept;
void sgd_step(const SgdScalars<double>& s, int64_t n, const double* grad, double* weight,
              double* momentum_buffer) noexcept;

// One Adam update of n weights in place. max_exp_avg_sq may be null: no AMSGrad.
void adam_step(const AdamScalars<float>& s, int64_t n, const float* grad, float* weight, float* exp_avg,
               float* exp_avg_sq, float* max_exp_avg_sq) noexcept;
void adam_step(const AdamScalars<double>& s, int64_t n, const double* grad, double* weight, double* exp_avg,
               double* exp_avg_sq, double* max_exp_avg_sq) noexcept;

}  // namespace gossamer::kernels
