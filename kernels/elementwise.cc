// The rows of elementwise_table.h in Highway.
#include "kernels/elementwise.h"

#include <cstdint>

#include "kernels/simd.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/elementwise.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/foreach-inl.h"
#include "kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gossamer::kernels {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class T>
void MapOf(Unary op, int64_t n, const T* from, T* y) {
  const Operand<T> operand{from};
  switch (op) {
#define GOSSAMER_CASE(NAME, ULP, REFERENCE, SIMD) \
  case Unary::NAME:                               \
    return ForEachVector(                         \
        n, y,                                     \
        [](auto d, auto x) HWY_ATTR {             \
          (void)d;                                \
          return SIMD;                            \
        },                                        \
        operand);
    GOSSAMER_UNARY_KERNELS(GOSSAMER_CASE)
#undef GOSSAMER_CASE
  }
}

template <class T>
void ZipOf(Binary op, int64_t n, Operand<T> left, Operand<T> right, T* y) {
  switch (op) {
#define GOSSAMER_CASE(NAME, ULP, REFERENCE, SIMD) \
  case Binary::NAME:                              \
    return ForEachVector(                         \
        n, y,                                     \
        [](auto d, auto a, auto b) HWY_ATTR {     \
          (void)d;                                \
          return SIMD;                            \
        },                                        \
        left, right);
    GOSSAMER_BINARY_KERNELS(GOSSAMER_CASE)
#undef GOSSAMER_CASE
  }
}

void MapF32(Unary op, int64_t n, const float* x, float* y) { MapOf(op, n, x, y); }
void MapF64(Unary op, int64_t n, const double* x, double* y) { MapOf(op, n, x, y); }
void ZipF32(Binary op, int64_t n, Operand<float> a, Operand<float> b, float* y) { ZipOf(op, n, a, b, y); }
void ZipF64(Binary op, int64_t n, Operand<double> a, Operand<double> b, double* y) { ZipOf(op, n, a, b, y); }

}  // namespace HWY_NAMESPACE
}  // namespace gossamer::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gossamer::kernels {

HWY_EXPORT(MapF32);
HWY_EXPORT(MapF64);
HWY_EXPORT(ZipF32);
HWY_EXPORT(ZipF64);

void map(Unary op, int64_t n, const float* x, float* y) noexcept { HWY_DYNAMIC_DISPATCH(MapF32)(op, n, x, y); }
void map(Unary op, int64_t n, const double* x, double* y) noexcept { HWY_DYNAMIC_DISPATCH(MapF64)(op, n, x, y); }
void zip(Binary op, int64_t n, Operand<float> a, Operand<float> b, float* y) noexcept {
  HWY_DYNAMIC_DISPATCH(ZipF32)(op, n, a, b, y);
}
void zip(Binary op, int64_t n, Operand<double> a, Operand<double> b, double* y) noexcept {
  HWY_DYNAMIC_DISPATCH(ZipF64)(op, n, a, b, y);
}

}  // namespace gossamer::kernels
#endif  // HWY_ONCE
