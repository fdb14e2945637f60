// The products of a CSR weight in dense arithmetic, for patterns with few zeros: parts of W are scattered into scratch
// and multiplied by OpenBLAS, parts of dW multiplied there and gathered. No dense W or dW is ever whole.
#pragma once

#include "tensor/batch.h"
#include "tensor/csr/stream.h"

namespace gossamer {

// All batches are row-major. y[n, rows] = x[n, cols] Wᵀ + bias (null: none).
template <class T>
void csr_dense_forward(const kernels::CsrStream& w, const T* values, const ConstBatch<T>& x, const T* bias,
                       const Batch<T>& y);

// dx[n, cols] = dy[n, rows] W.
template <class T>
void csr_dense_input_grad(const kernels::CsrStream& w, const T* values, const ConstBatch<T>& dy, const Batch<T>& dx);

// grad[slot] = Σ_n dy[n, row] x[n, col].
template <class T>
void csr_dense_weight_grad(const kernels::CsrStream& w, const ConstBatch<T>& x, const ConstBatch<T>& dy, T* grad);

}  // namespace gossamer
