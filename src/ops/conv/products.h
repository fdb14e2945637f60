// The three products of a dense convolution: tasks, bands and scratch around the one-thread kernels.
#pragma once

#include "ops/conv/shifts.h"

namespace gossamer {

// Tasks that a product is cut into, whatever the number of threads.
inline constexpr int64_t kConvTasks = 16;

// y = x * w + bias (null: none). Shapes as in ConvSize, row-major.
template <class T>
void conv_forward(const ConvSize& size, const T* x, const T* w, const T* bias, T* y);

// dx from dy and w.
template <class T>
void conv_input_grad(const ConvSize& size, const T* dy, const T* w, T* dx);

// dw from dy and x.
template <class T>
void conv_weight_grad(const ConvSize& size, const T* dy, const T* x, T* dw);

// The same for `rows` of the output channels, from `first` on, of a convolution without groups.
template <class T>
void conv_weight_grad_rows(const ConvSize& size, int64_t first, int64_t rows, const T* dy, const T* x, T* dw);

// db [groups * out]: sums of dy over images and positions.
template <class T>
void conv_bias_grad(const ConvSize& size, const T* dy, T* db);

}  // namespace gossamer
