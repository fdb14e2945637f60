// Sums and affine maps along channels in Highway.
#include "kernels/channel_norm.h"

#include <cstdint>

#include "kernels/reference/channel_norm.h"
#include "kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/channel_norm.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/norm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gossamer::kernels {
namespace HWY_NAMESPACE {

void PlaneMoments(const Planes& planes, const float* x, double* mean, double* squares) {
  for (int64_t k = 0; k < planes.count; ++k, x += planes.stride) {
    const Moments moments = MomentsOf(planes.length, x);
    mean[k] = moments.mean;
    squares[k] = moments.variance * static_cast<double>(planes.length);
  }
}

void PlaneAffine(const Planes& planes, const float* x, const float* center, const float* scale, const float* shift,
                 float* y) {
  for (int64_t k = 0; k < planes.count; ++k, x += planes.stride, y += planes.stride) {
    const float c = center[k];
    const float a = scale[k];
    const float b = shift[k];
    ForVectors(planes.length, [=](auto d, int64_t i) HWY_ATTR {
      const auto difference = hn::Sub(hn::LoadU(d, x + i), hn::Set(d, c));
      hn::StoreU(hn::MulAdd(difference, hn::Set(d, a), hn::Set(d, b)), d, y + i);
    });
  }
}

void PlaneDots(const Planes& planes, const float* dy, const float* x, const float* center, double* sum, double* dot) {
  for (int64_t k = 0; k < planes.count; ++k, x += planes.stride, dy += planes.stride) {
    const float c = center[k];
    const auto centers = hn::Set(Floats(), c);
    const TwoSums sums = SumTwo(
        planes.length,
        [=](int64_t i, FloatVec& first, FloatVec& second) HWY_ATTR {
          const auto g = hn::LoadU(Floats(), dy + i);
          first = hn::Add(first, g);
          second = hn::MulAdd(g, hn::Sub(hn::LoadU(Floats(), x + i), centers), second);
        },
        [=](int64_t i) -> TwoSums {
          const double g = static_cast<double>(dy[i]);
          return {g, g * (static_cast<double>(x[i]) - static_cast<double>(c))};
        });
    sum[k] = sums.first;
    dot[k] = sums.second;
  }
}

void PlaneGrad(const Planes& planes, const float* dy, const float* x, const float* center, const float* scale,
               const float* slope, const float* shift, float* dx) {
  for (int64_t k = 0; k < planes.count; ++k, x += planes.stride, dy += planes.stride, dx += planes.stride) {
    const float c = center[k];
    const float a = scale[k];
    const float b = slope[k];
    const float s = shift[k];
    ForVectors(planes.length, [=](auto d, int64_t i) HWY_ATTR {
      const auto difference = hn::Sub(hn::LoadU(d, x + i), hn::Set(d, c));
      const auto rest = hn::MulAdd(difference, hn::Set(d, b), hn::Set(d, s));
      hn::StoreU(hn::MulAdd(hn::LoadU(d, dy + i), hn::Set(d, a), rest), d, dx + i);
    });
  }
}

void ColumnMoments(const Columns& columns, const float* x, const float* center, float* sum, float* squares) {
  const int64_t cols = columns.cols;
  const auto add = [=](auto d, int64_t row, int64_t k, auto& first, auto& second) HWY_ATTR {
    const auto difference = hn::Sub(hn::LoadU(d, x + row * cols + k), hn::LoadU(d, center + k));
    first = hn::Add(first, difference);
    second = hn::MulAdd(difference, difference, second);
  };
  SumColumns(columns.rows, cols, add, sum, squares);
}

void ColumnDots(const Columns& columns, const float* dy, const float* x, const float* center, float* sum, float* dot) {
  const int64_t cols = columns.cols;
  const auto add = [=](auto d, int64_t row, int64_t k, auto& first, auto& second) HWY_ATTR {
    const auto g = hn::LoadU(d, dy + row * cols + k);
    first = hn::Add(first, g);
    second = hn::MulAdd(g, hn::Sub(hn::LoadU(d, x + row * cols + k), hn::LoadU(d, center + k)), second);
  };
  SumColumns(columns.rows, cols, add, sum, dot);
}

void ColumnAffine(const Columns& columns, const float* x, const float* center, const float* scale, const float* shift,
                  float* y) {
  for (int64_t row = 0; row < columns.rows; ++row, x += columns.cols, y += columns.cols) {
    ForVectors(columns.cols, [=](auto d, int64_t k) HWY_ATTR {
      const auto difference = hn::Sub(hn::LoadU(d, x + k), hn::LoadU(d, center + k));
      hn::StoreU(hn::MulAdd(difference, hn::LoadU(d, scale + k), hn::LoadU(d, shift + k)), d, y + k);
    });
  }
}

void ColumnGrad(const Columns& columns, const float* dy, const float* x, const float* center, const float* scale,
                const float* slope, const float* shift, float* dx) {
  const int64_t cols = columns.cols;
  for (int64_t row = 0; row < columns.rows; ++row, x += cols, dy += cols, dx += cols) {
    ForVectors(cols, [=](auto d, int64_t k) HWY_ATTR {
      const auto difference = hn::Sub(hn::LoadU(d, x + k), hn::LoadU(d, center + k));
      const auto rest = hn::MulAdd(difference, hn::LoadU(d, slope + k), hn::LoadU(d, shift + k));
      hn::StoreU(hn::MulAdd(hn::LoadU(d, dy + k), hn::LoadU(d, scale + k), rest), d, dx + k);
    });
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gossamer::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gossamer::kernels {

// Each kernel of float by its dispatch, and the same of double by the reference.
#define GOSSAMER_EXPORT(NAME, SIMD, PARAMETERS_F32, PARAMETERS_F64, ARGUMENTS) \
  HWY_EXPORT(SIMD);                                                            \
  void NAME PARAMETERS_F32 noexcept { HWY_DYNAMIC_DISPATCH(SIMD) ARGUMENTS; }  \
  void NAME PARAMETERS_F64 noexcept { reference::NAME ARGUMENTS; }
#define GOSSAMER_MOMENTS_OF(T) (const Planes& planes, const T* x, double* mean, double* squares)
#define GOSSAMER_DOTS_OF(T) (const Planes& planes, const T* dy, const T* x, const T* center, double* sum, double* dot)
#define GOSSAMER_AFFINE_OF(T, SHAPE) \
  (const SHAPE& shape, const T* x, const T* center, const T* scale, const T* shift, T* y)
#define GOSSAMER_GRAD_OF(T, SHAPE) \
  (const SHAPE& shape, const T* dy, const T* x, const T* center, const T* scale, const T* slope, const T* shift, T* dx)
#define GOSSAMER_COLUMN_MOMENTS_OF(T) (const Columns& columns, const T* x, const T* center, T* sum, T* squares)
#define GOSSAMER_COLUMN_DOTS_OF(T) (const Columns& columns, const T* dy, const T* x, const T* center, T* sum, T* dot)

GOSSAMER_EXPORT(plane_moments, PlaneMoments, GOSSAMER_MOMENTS_OF(float), GOSSAMER_MOMENTS_OF(double),
                (planes, x, mean, squares))
GOSSAMER_EXPORT(plane_affine, PlaneAffine, GOSSAMER_AFFINE_OF(float, Planes), GOSSAMER_AFFINE_OF(double, Planes),
                (shape, x, center, scale, shift, y))
GOSSAMER_EXPORT(plane_dots, PlaneDots, GOSSAMER_DOTS_OF(float), GOSSAMER_DOTS_OF(double),
                (planes, dy, x, center, sum, dot))
GOSSAMER_EXPORT(plane_grad, PlaneGrad, GOSSAMER_GRAD_OF(float, Planes), GOSSAMER_GRAD_OF(double, Planes),
                (shape, dy, x, center, scale, slope, shift, dx))
GOSSAMER_EXPORT(column_moments, ColumnMoments, GOSSAMER_COLUMN_MOMENTS_OF(float), GOSSAMER_COLUMN_MOMENTS_OF(double),
                (columns, x, center, sum, squares))
GOSSAMER_EXPORT(column_affine, ColumnAffine, GOSSAMER_AFFINE_OF(float, Columns), GOSSAMER_AFFINE_OF(double, Columns),
                (shape, x, center, scale, shift, y))
GOSSAMER_EXPORT(column_dots, ColumnDots, GOSSAMER_COLUMN_DOTS_OF(float), GOSSAMER_COLUMN_DOTS_OF(double),
                (columns, dy, x, center, sum, dot))
GOSSAMER_EXPORT(column_grad, ColumnGrad, GOSSAMER_GRAD_OF(float, Columns), GOSSAMER_GRAD_OF(double, Columns),
                (shape, dy, x, center, scale, slope, shift, dx))

}  // namespace gossamer::kernels
#endif  // HWY_ONCE
