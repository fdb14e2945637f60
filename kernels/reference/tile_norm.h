// Scalar specification of kernels/tile_norm.h, with sums in double.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/tile_norm.h"

namespace gossamer::kernels::reference {

inline void tile_norm(const NormTile& tile, const float* x, const float* weight, const float* bias, double* mean,
                      double* rstd, float* y) noexcept {
  const auto n = static_cast<double>(tile.features);
  for (int lane = 0; lane < tile.width; ++lane) {
    double sum = 0;
    for (int64_t f = 0; f < tile.features; ++f) sum += static_cast<double>(x[f * tile.width + lane]);
    const double center = tile.is_centered ? sum / n : 0;
    double squares = 0;
    for (int64_t f = 0; f < tile.features; ++f) {
      const double difference = static_cast<double>(x[f * tile.width + lane]) - center;
      squares += difference * difference;
    }
    const bool is_sample = lane < tile.samples;
    mean[lane] = is_sample ? center : 0;
    rstd[lane] = is_sample ? 1 / std::sqrt(squares / n + tile.eps) : 0;
    for (int64_t f = 0; f < tile.features; ++f) {
      const int64_t at = f * tile.width + lane;
      const double normalized = (static_cast<double>(x[at]) - mean[lane]) * rstd[lane];
      y[at] = static_cast<float>(normalized * static_cast<double>(weight[f]) + static_cast<double>(bias[f]));
    }
  }
}

inline void tile_norm_grad(const NormTile& tile, const float* x, const float* dy, const float* weight,
                           const double* mean, const double* rstd, float* dx, double* dweight, double* dbias) noexcept {
  const auto n = static_cast<double>(tile.features);
  for (int lane = 0; lane < tile.width; ++lane) {
    const auto normalized = [&](int64_t at) { return (static_cast<double>(x[at]) - mean[lane]) * rstd[lane]; };
    double sum = 0;
    double dot = 0;
    for (int64_t f = 0; f < tile.features; ++f) {
      const int64_t at = f * tile.width + lane;
      const double g = static_cast<double>(dy[at]) * static_cast<double>(weight[f]);
      sum += g;
      dot += g * normalized(at);
      dweight[f] += static_cast<double>(dy[at]) * normalized(at);
      dbias[f] += static_cast<double>(dy[at]);
    }
    if (!tile.is_centered) sum = 0;
    for (int64_t f = 0; f < tile.features; ++f) {
      const int64_t at = f * tile.width + lane;
      const double g = static_cast<double>(dy[at]) * static_cast<double>(weight[f]);
      dx[at] = static_cast<float>(rstd[lane] * (g - sum / n - normalized(at) * (dot / n)));
    }
  }
}

}  // namespace gossamer::kernels::reference
