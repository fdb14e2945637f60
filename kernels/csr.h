// CSR kernels: one thread, one row block, one tile of the batch or one sample. Raw pointers, noexcept, no allocation.
//
// The three products of training, batch-first (N samples, K inputs, M outputs):
//   forward      Y[N,M]  = X[N,K] Wᵀ      csr_forward_tile over the stream of W
//   input grad   dX[N,K] = dY[N,M] W      csr_forward_tile over the stream of Wᵀ
//   weight grad  dW[slot] = Σ_n dY[n,row] X[n,col]      csr_weight_grad_tile over the stream of W
// They work on tiles of the batch, [features][width]: a batch is either kept that way between layers, or packed
// (pack_tile) and unpacked (unpack_tile) on the way.
#pragma once

#include <cstdint>

#include "kernels/reference/csr.h"
#include "kernels/stream.h"

namespace gossamer::kernels {

// tile[k][n] = x[n][k], k in [0, features), n in [0, samples); columns from samples to width are zero.
// x is row-major with stride ld >= features, and needs no alignment. samples <= width.
void pack_tile(const float* x, int64_t ld, int samples, int64_t features, int width, float* tile) noexcept;

// y[n][m] = tile[m][n], the inverse of pack_tile. Of y nothing is touched outside [samples][features].
void unpack_tile(const float* tile, int width, int samples, int64_t features, float* y, int64_t ld) noexcept;

// y_tile[row in block][width] = bias[row in block] + Σ_slots values[slot] * x_tile[col][width]; y_tile is overwritten.
// bias null: 0. x_tile covers all columns: [cols][width]. Sums start with the bias and run over ascending columns, so
// that on one SIMD target neither the layout of the stream nor the width changes a bit of the result.
void csr_forward_tile(const CsrStream& w, const float* values, int64_t block, const float* x_tile, int width,
                      const float* bias, float* y_tile, FetchAhead ahead = {}) noexcept;

// grad[slot] (+)= Σ_n dy_tile[row in block][n] * x_tile[col][n] for the slots of panels [panel_begin, panel_end) of one
// block. accumulate = false overwrites. dy_tile covers the rows of the block: [block_rows][width]. The order of a sum
// is fixed by the SIMD target and the width.
void csr_weight_grad_tile(const CsrStream& w, int64_t block, int64_t panel_begin, int64_t panel_end,
                          const float* dy_tile, const float* x_tile, int width, bool accumulate, float* grad,
                          FetchAhead ahead = {}) noexcept;

// One sample: x is used where it lies, nothing is packed or unpacked.
//
// y[row in block] = Σ_slots values[slot] * x[col] (+ bias[row in block] when bias is not null); y is overwritten. x
// covers all columns: [cols], any alignment. `sums` is scratch: [block_rows][kVectorSums], 64-byte aligned. The order
// of a sum is fixed by the SIMD target and the layout of the stream; it is not that of csr_forward_tile, so that the
// two may differ by rounding.
void csr_forward_vector(const CsrStream& w, const float* values, int64_t block, const float* x, const float* bias,
                        float* sums, float* y) noexcept;

// Parts in which csr_forward_vector sums a row.
inline constexpr int kVectorSums = 16;

// grad[slot] = dy[row in block] * x[col] for the slots of panels [panel_begin, panel_end) of one block. dy covers the
// rows of the block, x all columns, any alignment. Each is the product rounded once.
void csr_weight_grad_vector(const CsrStream& w, int64_t block, int64_t panel_begin, int64_t panel_end, const float* dy,
                            const float* x, float* grad) noexcept;

// double, for gradient checks: the specification itself, which ignores hints and scratch.
inline void pack_tile(const double* x, int64_t ld, int samples, int64_t features, int width, double* tile) noexcept {
  reference::pack_tile(x, ld, samples, features, width, tile);
}
inline void unpack_tile(const double* tile, int width, int samples, int64_t features, double* y, int64_t ld) noexcept {
  reference::unpack_tile(tile, width, samples, features, y, ld);
}
inline void csr_forward_tile(const CsrStream& w, const double* values, int64_t block, const double* x_tile, int width,
                             const double* bias, double* y_tile, FetchAhead = {}) noexcept {
  reference::csr_forward_tile(w, values, block, x_tile, width, bias, y_tile);
}
inline void csr_weight_grad_tile(const CsrStream& w, int64_t block, int64_t panel_begin, int64_t panel_end,
                                 const double* dy_tile, const double* x_tile, int width, bool accumulate, double* grad,
                                 FetchAhead = {}) noexcept {
  reference::csr_weight_grad_tile(w, block, panel_begin, panel_end, dy_tile, x_tile, width, accumulate, grad);
}
inline void csr_forward_vector(const CsrStream& w, const double* values, int64_t block, const double* x,
                               const double* bias, double* /*sums*/, double* y) noexcept {
  reference::csr_forward_vector(w, values, block, x, bias, y);
}
inline void csr_weight_grad_vector(const CsrStream& w, int64_t block, int64_t panel_begin, int64_t panel_end,
                                   const double* dy, const double* x, double* grad) noexcept {
  reference::csr_weight_grad_vector(w, block, panel_begin, panel_end, dy, x, grad);
}

// Whether dense products of n samples with w, from parts that are scattered first, are faster than these kernels. A
// function of sizes and of the SIMD target.
bool dense_is_faster(const CsrStream& w, int64_t n) noexcept;

}  // namespace gossamer::kernels
