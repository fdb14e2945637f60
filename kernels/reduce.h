// Reductions of contiguous arrays of float or double to one number: one thread, noexcept, no allocation, no alignment
// required. Sums are in double; their order follows the SIMD target and n alone. n may be 0 unless said.
#pragma once

#include <cstdint>

namespace gossamer::kernels {

#define GOSSAMER_REDUCE_OF(T)                                                                                          \
  /* Σ x[i]², each square in double. */                                                                              \
  double sum_of_squares(int64_t n, const T* x) noexcept;                                                               \
  double sum(int64_t n, const T* x) noexcept;                                                                          \
  /* Σ x[i] y[i], each product in double. */                                                                          \
  double dot(int64_t n, const T* x, const T* y) noexcept;                                                              \
  /* The largest element, n >= 1. Where some are NaN: unspecified, a NaN or the largest of any others. */              \
  T largest(int64_t n, const T* x) noexcept;                                                                           \
  /* y[i] = exp(x[i] - shift), the difference in double and rounded once; returns Σ y[i]. x and y may be the same. */ \
  double exp_minus(int64_t n, const T* x, double shift, T* y) noexcept;                                                \
  double sum_exp_minus(int64_t n, const T* x, double shift) noexcept;                                                  \
  /* No element is NaN or infinite; true when n is 0. */                                                               \
  bool all_finite(int64_t n, const T* x) noexcept;
GOSSAMER_REDUCE_OF(float)
GOSSAMER_REDUCE_OF(double)
#undef GOSSAMER_REDUCE_OF

}  // namespace gossamer::kernels
