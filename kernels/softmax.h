// Softmax and its logarithm of one row of n elements of float or double, with their gradients: one thread, noexcept, no
// allocation, no alignment required. Sums are in double. n >= 1.
#pragma once

#include <cstdint>

namespace gossamer::kernels {

#define GOSSAMER_SOFTMAX_OF(T)                                           \
  /* y = exp(x) / Σ exp(x). x and y may be the same. */                 \
  void softmax(int64_t n, const T* x, T* y) noexcept;                    \
  /* dx = y (dy - Σ dy y). Any of them may be the same. */              \
  void softmax_grad(int64_t n, const T* y, const T* dy, T* dx) noexcept; \
  /* y = x - log Σ exp(x). x and y may be the same. */                  \
  void log_softmax(int64_t n, const T* x, T* y) noexcept;                \
  /* dx = dy - exp(y) Σ dy. Any of them may be the same. */             \
  void log_softmax_grad(int64_t n, const T* y, const T* dy, T* dx) noexcept;
GOSSAMER_SOFTMAX_OF(float)
GOSSAMER_SOFTMAX_OF(double)
#undef GOSSAMER_SOFTMAX_OF

}  // namespace gossamer::kernels
