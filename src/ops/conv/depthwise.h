// The products of a depthwise convolution: each channel has a window of its own.
#pragma once

#include "ops/conv/shifts.h"

namespace gossamer {

inline bool is_depthwise(const ConvSize& s) { return s.in == 1 && s.out == 1; }

// As in ops/conv/products.h, with one channel in and out of each group.
template <class T>
void depthwise_forward(const ConvSize& size, const T* x, const T* w, const T* bias, T* y);
template <class T>
void depthwise_input_grad(const ConvSize& size, const T* dy, const T* w, T* dx);
template <class T>
void depthwise_weight_grad(const ConvSize& size, const T* dy, const T* x, T* dw);

}  // namespace gossamer
