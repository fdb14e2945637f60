// Normalization of the samples of one tile [features][width]: one thread, noexcept, no allocation, no alignment
// required.
#pragma once

#include <cstdint>

namespace gossamer::kernels {

// The width is one of kTileWidths (stream.h). Lanes from `samples` on get a mean and an rstd of 0.
struct NormTile {
  int64_t features = 0;
  int width = 0;
  int samples = 0;
  double eps = 0;           // added to the variance
  bool is_centered = true;  // false: the mean counts as 0, which makes the variance the mean square
};

// Of each sample, mean and rstd = 1 / sqrt(variance + eps), [width], and y = (x - mean) rstd weight + bias.
void tile_norm(const NormTile& tile, const float* x, const float* weight, const float* bias, double* mean, double* rstd,
               float* y) noexcept;

// dx from dy, and the sums over the samples added to dweight [features] and dbias [features]. Lanes of dy from
// `samples` on must be 0, and those of dx become 0.
void tile_norm_grad(const NormTile& tile, const float* x, const float* dy, const float* weight, const double* mean,
                    const double* rstd, float* dx, double* dweight, double* dbias) noexcept;

}  // namespace gossamer::kernels
