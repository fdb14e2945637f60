// Max pooling: one thread, noexcept, no allocation, no alignment required. A candidate is an element and where it
// stands in its plane. The better of two is the larger; of equal ones that which stands first; NaN is better than all
// numbers, and the last NaN is the best.
#pragma once

#include <cstdint>

namespace gossamer::kernels {

// Elements behind the last one of its arrays that best_of_windows may read and write.
inline constexpr int64_t kMaxPoolSlack = 15;

// best[i] = the best of x[r * step + i] for r in [0, rows), at[i] = where it stands, for i in [0, n). x[0] stands at
// `first`. rows, n and step >= 1.
void best_of_rows(int64_t rows, int64_t step, int64_t n, const float* x, int32_t first, float* best,
                  int32_t* at) noexcept;

// best[i] = the best of x[i + k * step] for k in [0, taps), best_at[i] = where it stands, for i in [0, n); x[j] stands
// at at[j]. taps and step >= 1. No array overlaps another.
void best_of_windows(int64_t taps, int64_t step, int64_t n, const float* x, const int32_t* at, float* best,
                     int32_t* best_at) noexcept;

}  // namespace gossamer::kernels
