// The product of a dense weight with few samples, which takes the time of reading the weight: OpenBLAS packs it first.
// One thread, raw pointers, noexcept, no allocation, no alignment required.
#pragma once

#include <cstdint>

namespace gossamer::kernels {

// y[n][row] = bias[row] + Σ_k w[row][k] x[n][k], w [rows, cols], x [samples, cols], y with stride ld >= rows; y is
// overwritten. bias null: 0. `w_in_memory` says that W comes from memory rather than from a cache. The order of a sum
// is fixed by the SIMD target, cols, n, samples and w_in_memory, so that rows may be computed in parts.
void dense_forward_few(int64_t rows, int64_t cols, const float* w, bool w_in_memory, int64_t samples, const float* x,
                       const float* bias, float* y, int64_t ld) noexcept;

}  // namespace gossamer::kernels
