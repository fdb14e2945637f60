// The three products of a CSR weight over a whole batch: tiles, tasks and scratch around the one-thread kernels.
#pragma once

#include <type_traits>

#include "tensor/batch.h"
#include "tensor/csr_stream.h"

namespace gossamer {

// y[n, rows] = x[n, cols] Wᵀ + bias (null: none). With the transposed stream and its values, this is the input gradient
// dX = dY W. x and y are each in either layout; when both are tile-major their widths are equal.
template <class T>
void csr_forward(const kernels::CsrStream& w, const T* values, const std::type_identity_t<ConstBatch<T>>& x,
                 const T* bias, const Batch<T>& y);

// grad[slot] = Σ_n dy[n, row] x[n, col]; layouts as above.
template <class T>
void csr_weight_grad(const kernels::CsrStream& w, const ConstBatch<T>& x, const ConstBatch<T>& dy, T* grad);

}  // namespace gossamer
