#include "ops/check.h"

#include <fmt/format.h>

#include <vector>

#include "runtime/check.h"

namespace gossamer {

std::string describe(const Tensor& x) {
  return x.defined() ? fmt::format("{} {}", dtype_name(x.dtype()), x.shape().to_string()) : "an undefined tensor";
}

void check_defined(std::string_view op, const Tensor& x) {
  if (!x.defined()) fail<StateError>(op, "the tensor must be defined", describe(x), "give it elements first");
}

void check_floating(std::string_view op, const Tensor& x) {
  check_defined(op, x);
  if (!is_floating(x.dtype())) {
    fail<DTypeError>(op, "dtype must be f32 or f64", describe(x), "convert with .to(DType::f32)");
  }
}

void check_same_floating(std::string_view op, const Tensor& a, const Tensor& b) {
  check_floating(op, a);
  check_floating(op, b);
  if (a.dtype() != b.dtype()) {
    fail<DTypeError>(op, "operands must share a dtype", fmt::format("{} and {}", describe(a), describe(b)),
                     "convert one with .to(dtype)");
  }
}

int normalize_dim(std::string_view op, const Shape& shape, int dim) {
  const int normalized = dim < 0 ? dim + shape.rank() : dim;
  if (normalized < 0 || normalized >= shape.rank()) {
    fail<ShapeError>(op, fmt::format("the dimension must be within rank {}", shape.rank()),
                     fmt::format("dimension {} of {}", dim, shape.to_string()));
  }
  return normalized;
}

Shape with_last(const Shape& shape, int64_t last) {
  std::vector<int64_t> sizes(shape.begin(), shape.end());
  sizes.back() = last;
  return Shape(sizes);
}

Axis axis_of(const Shape& shape, int first, int last) {
  Axis axis{1, 1, 1};
  for (int i = 0; i < shape.rank(); ++i) (i < first ? axis.outer : i <= last ? axis.size : axis.inner) *= shape[i];
  return axis;
}

}  // namespace gossamer
