// Loops over contiguous float arrays: one thread, noexcept, no allocation, no alignment required.
//
// Every element goes through the same operations wherever it stands, so results depend neither on the alignment of the
// pointers nor on how a caller splits an array (sum_of_squares excepted: its order of additions follows the call).
// Arrays of one call may be the same, but must not overlap otherwise. n may be 0.
#pragma once

#include <cstdint>

#include "kernels/update_rules.h"

namespace gossamer::kernels {

// y[i] += alpha * x[i]
void axpy(int64_t n, float alpha, const float* x, float* y) noexcept;

// y[i] = max(x[i], 0); NaN stays NaN, as in torch.
void relu(int64_t n, const float* x, float* y) noexcept;

// dx[i] = x[i] > 0 ? dy[i] : 0. x is the input or the output of relu. A NaN in dy where x <= 0 does not leak.
void relu_backward(int64_t n, const float* x, const float* dy, float* dx) noexcept;

// Σ x[i]², each square and sum in double.
double sum_of_squares(int64_t n, const float* x) noexcept;

// No element is NaN or infinite; true when n is 0.
bool all_finite(int64_t n, const float* x) noexcept;

// One SGD update of n weights in place. momentum_buffer may be null: no momentum.
void sgd_step(const SgdScalars<float>& s, int64_t n, const float* grad, float* weight, float* momentum_buffer) noexcept;

// One Adam update of n weights in place. max_exp_avg_sq may be null: no AMSGrad.
void adam_step(const AdamScalars<float>& s, int64_t n, const float* grad, float* weight, float* exp_avg,
               float* exp_avg_sq, float* max_exp_avg_sq) noexcept;

}  // namespace gossamer::kernels
