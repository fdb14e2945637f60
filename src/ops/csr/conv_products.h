// The three products of a convolution with a CSR weight, without groups: patches are formed for one tile of positions
// at a time.
#pragma once

#include "ops/conv/shifts.h"
#include "tensor/csr/stream.h"

namespace gossamer {

// y from x [n, in, y.in, x.in] and bias (null: none).
template <class T>
void csr_conv_forward(const ConvSize& size, const kernels::CsrStream& w, const T* values, const T* x, const T* bias,
                      T* y);

// dx from dy, by the transposed stream and its values.
template <class T>
void csr_conv_input_grad(const ConvSize& size, const kernels::CsrStream& transposed, const T* transposed_values,
                         const T* dy, T* dx);

// The gradient at the nonzeros.
template <class T>
void csr_conv_weight_grad(const ConvSize& size, const kernels::CsrStream& w, const T* dy, const T* x, T* grad);

}  // namespace gossamer
