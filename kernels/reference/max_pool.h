// Scalar specification of kernels/max_pool.h for T = float or double. best_of_windows needs no slack.
#pragma once

#include <cstdint>

namespace gossamer::kernels::reference {

// Whether a candidate beats the best so far.
template <typename T>
bool beats(T x, int32_t at, T best, int32_t best_at) noexcept {
  if (x != x) return best == best || at > best_at;
  return x > best || (x == best && at < best_at);
}

template <typename T>
void best_of_rows(int64_t rows, int64_t step, int64_t n, const T* x, int32_t first, T* best, int32_t* at) noexcept {
  for (int64_t i = 0; i < n; ++i) {
    best[i] = x[i];
    at[i] = static_cast<int32_t>(first + i);
    for (int64_t r = 1; r < rows; ++r) {
      const auto place = static_cast<int32_t>(first + r * step + i);
      if (!beats(x[r * step + i], place, best[i], at[i])) continue;
      best[i] = x[r * step + i];
      at[i] = place;
    }
  }
}

template <typename T>
void best_of_windows(int64_t taps, int64_t step, int64_t n, const T* x, const int32_t* at, T* best,
                     int32_t* best_at) noexcept {
  for (int64_t i = 0; i < n; ++i) {
    best[i] = x[i];
    best_at[i] = at[i];
    for (int64_t k = 1; k < taps; ++k) {
      if (!beats(x[i + k * step], at[i + k * step], best[i], best_at[i])) continue;
      best[i] = x[i + k * step];
      best_at[i] = at[i + k * step];
    }
  }
}

}  // namespace gossamer::kernels::reference
