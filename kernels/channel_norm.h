// Sums and affine maps along the channels of a batch, whose elements lie in runs of one channel (planes), or side by
// side in rows (columns): one thread, noexcept, no allocation, no alignment required. All of a channel share its
// constants.
#pragma once

#include <cstdint>

namespace gossamer::kernels {

// `count` runs of `length` elements, each `stride` elements from the next.
struct Planes {
  int64_t count = 0;
  int64_t length = 0;
  int64_t stride = 0;
};

// A row-major matrix.
struct Columns {
  int64_t rows = 0;
  int64_t cols = 0;
};

#define GOSSAMER_CHANNEL_NORM_OF(T)                                                                                    \
  /* Of each run, of at least one element: the mean, and Σ (x - mean)². */                                           \
  void plane_moments(const Planes& planes, const T* x, double* mean, double* squares) noexcept;                        \
  /* y = (x - center) scale + shift, which may be x. */                                                                \
  void plane_affine(const Planes& planes, const T* x, const T* center, const T* scale, const T* shift, T* y) noexcept; \
  /* Σ dy and Σ dy (x - center). */                                                                                  \
  void plane_dots(const Planes& planes, const T* dy, const T* x, const T* center, double* sum, double* dot) noexcept;  \
  /* dx = dy scale + (x - center) slope + shift. */                                                                    \
  void plane_grad(const Planes& planes, const T* dy, const T* x, const T* center, const T* scale, const T* slope,      \
                  const T* shift, T* dx) noexcept;                                                                     \
  /* The same along columns, but that sums are of T, and added to what is there: x - center and its square. */         \
  void column_moments(const Columns& columns, const T* x, const T* center, T* sum, T* squares) noexcept;               \
  void column_affine(const Columns& columns, const T* x, const T* center, const T* scale, const T* shift,              \
                     T* y) noexcept;                                                                                   \
  void column_dots(const Columns& columns, const T* dy, const T* x, const T* center, T* sum, T* dot) noexcept;         \
  void column_grad(const Columns& columns, const T* dy, const T* x, const T* center, const T* scale, const T* slope,   \
                   const T* shift, T* dx) noexcept;
GOSSAMER_CHANNEL_NORM_OF(float)
GOSSAMER_CHANNEL_NORM_OF(double)
#undef GOSSAMER_CHANNEL_NORM_OF

}  // namespace gossamer::kernels
