// The largest and the smallest element of a contiguous array of float or double, where NaN wins: one thread, noexcept,
// no allocation, no alignment required.
#pragma once

#include <cstdint>

namespace gossamer::kernels {

// n >= 1. NaN where an element is.
float max(int64_t n, const float* x) noexcept;
double max(int64_t n, const double* x) noexcept;
float min(int64_t n, const float* x) noexcept;
double min(int64_t n, const double* x) noexcept;

}  // namespace gossamer::kernels
