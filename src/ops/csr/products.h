// The three products of a CSR weight over a whole batch: tiles, tasks and scratch around the one-thread kernels.
#pragma once

#include <cstdint>
#include <type_traits>

#include "tensor/batch.h"
#include "tensor/csr/stream.h"

namespace gossamer {

// Every batch is in either layout; where two of a product are tile-major their widths are equal.

// y[n, rows] = x[n, cols] Wᵀ + bias (null: none). With the transposed stream and its values, this is the input gradient
// dX = dY W.
template <class T>
void csr_forward(const kernels::CsrStream& w, const T* values, const std::type_identity_t<ConstBatch<T>>& x,
                 const T* bias, const Batch<T>& y);

// grad[slot] = Σ_n dy[n, row] x[n, col].
template <class T>
void csr_weight_grad(const kernels::CsrStream& w, const ConstBatch<T>& x, const ConstBatch<T>& dy, T* grad);

// Both gradients: dx[n, cols] = dy[n, rows] W, tile-major only where x is, by the transposed stream and its values, and
// grad as above.
template <class T>
void csr_backward(const kernels::CsrStream& w, const kernels::CsrStream& transposed, const T* transposed_values,
                  const ConstBatch<T>& x, const ConstBatch<T>& dy, const Batch<T>& dx, T* grad);

// Whether the products of n samples with w pass tile after tile through cache, row-major ones packed on the way. With
// fewer samples, or more nonzeros, it pays to pack a row-major batch once for all products that read it.
bool streams_batch(const kernels::CsrStream& w, int64_t n);

}  // namespace gossamer
