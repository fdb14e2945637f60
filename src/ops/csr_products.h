// The three products of a CSR weight over a whole batch: tiles, tasks and scratch around the one-thread kernels.
#pragma once

#include <cstdint>

#include "tensor/csr_stream.h"

namespace gossamer {

// y[n, rows] = x[n, cols] Wᵀ + bias (null: none), W a stream with `nnz` values. With the transposed stream and its
// values, this is the input gradient dX = dY W.
template <class T>
void csr_forward(const kernels::CsrStream& w, int64_t nnz, const T* values, const T* x, int64_t n, const T* bias, T* y);

// grad[slot] = Σ_n dy[n, row] x[n, col].
template <class T>
void csr_weight_grad(const kernels::CsrStream& w, int64_t nnz, const T* x, const T* dy, int64_t n, T* grad);

}  // namespace gossamer
