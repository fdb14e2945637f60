// Normalization of the lines of a row-major matrix: one thread, noexcept, no allocation, no alignment required.
#pragma once

#include <cstdint>

namespace gossamer::kernels {

struct NormLines {
  int64_t lines = 0;
  int64_t n = 0;            // elements of a line
  double eps = 0;           // added to the variance
  bool is_centered = true;  // false: the mean counts as 0, which makes the variance the mean square
};

#define GOSSAMER_LAYER_NORM_OF(T)                                                                                 \
  /* Of each line, mean and rstd = 1 / sqrt(variance + eps), and y = (x - mean) rstd weight + bias. */            \
  void layer_norm(const NormLines& shape, const T* x, const T* weight, const T* bias, double* mean, double* rstd, \
                  T* y) noexcept;                                                                                 \
  /* dx from dy, and the sums over the lines added to dweight [n] and dbias [n]. */                               \
  void layer_norm_grad(const NormLines& shape, const T* x, const T* dy, const T* weight, const double* mean,      \
                       const double* rstd, T* dx, T* dweight, T* dbias) noexcept;
GOSSAMER_LAYER_NORM_OF(float)
GOSSAMER_LAYER_NORM_OF(double)
#undef GOSSAMER_LAYER_NORM_OF

}  // namespace gossamer::kernels
