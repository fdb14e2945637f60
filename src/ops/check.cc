#include "ops/check.h"
#include "gossamer/block_allocator.h"

#include <fmt/format.h>

#include <span>
#include <vector>

#include "runtime/check.h"

namespace gossamer {

void check_defined(std::string_view op, const Tensor& x) {
  if (!x.defined())
    fail<StateError>(op, "the tensor must be defined", describe(x),
                     "give it elements first; dict[name] of a name that is not there makes one, dict.at(name) throws");
}

void check_floating(std::string_view op, const Tensor& x) {
  check_defined(op, x);
  if (!is_floating(x.dtype())) {
    fail<DTypeError>(op, "dtype must be f32 or f64", describe(x), "convert with .to(DType::f32)");
  }
}

void check_same_dtype(std::string_view op, const Tensor& a, const Tensor& b) {
  check_defined(op, a);
  check_defined(op, b);
  if (a.dtype() != b.dtype()) {
    fail<DTypeError>(op, "operands must share a dtype", fmt::format("{} and {}", describe(a), describe(b)),
                     "convert one with .to(dtype)");
  }
}

void check_same_floating(std::string_view op, const Tensor& a, const Tensor& b) {
  check_floating(op, a);
  check_floating(op, b);
  check_same_dtype(op, a, b);
}

std::string remedy_of_features(const Shape& x, int64_t features) {
  int64_t merged = 1;
  for (int dim = x.rank() - 1; dim >= 0; --dim) {
    if (x[dim] == 0 || merged > features / x[dim]) return "";
    merged *= x[dim];
    if (merged != features) continue;
    return dim == 1 ? "put nn::Flatten() in front" : fmt::format("put nn::Flatten({{.start_dim = {}}}) in front", dim);
  }
  return "";
}

int normalize_dim(std::string_view op, const Shape& shape, int dim) {
  const int normalized = dim < 0 ? dim + shape.rank() : dim;
  if (normalized < 0 || normalized >= shape.rank()) {
    fail<ShapeError>(op, fmt::format("the dimension must be within rank {}", shape.rank()),
                     fmt::format("dimension {} of {}", dim, shape.to_string()));
  }
  return normalized;
}

int normalize_new_dim(std::string_view op, const Shape& shape, int dim) {
  const int normalized = dim < 0 ? dim + shape.rank() + 1 : dim;
  if (normalized < 0 || normalized > shape.rank()) {
    fail<ShapeError>(op, fmt::format("the dimension must be in [{}, {}]", -shape.rank() - 1, shape.rank()),
                     fmt::format("{} for {}", dim, shape.to_string()));
  }
  return normalized;
}

Dims set_of_dims(std::string_view op, const Shape& shape, std::span<const int> dims) {
  Dims set;
  for (const int dim : dims) {
    const auto i = static_cast<size_t>(normalize_dim(op, shape, dim));
    if (set[i]) {
      fail<ShapeError>(op, "dimensions must be named once",
                       fmt::format("dimension {} of {} twice", i, shape.to_string()));
    }
    set.set(i);
  }
  return set;
}

Shape with_size(const Shape& shape, int dim, int64_t size) {
  BlockVector<int64_t> sizes(shape.begin(), shape.end());
  sizes[static_cast<size_t>(dim)] = size;
  return Shape(sizes);
}

Shape with_last(const Shape& shape, int64_t last) { return with_size(shape, shape.rank() - 1, last); }

Axis axis_of(const Shape& shape, int first, int last) {
  const auto from = static_cast<size_t>(first);
  const auto to = static_cast<size_t>(last) + 1;
  const std::span<const int64_t> dims = shape.dims();
  // Parts of an empty shape may have more elements than fit: Shape refuses them.
  const auto numel = [](std::span<const int64_t> part) { return Shape(part).numel(); };
  return {numel(dims.first(from)), numel(dims.subspan(from, to - from)), numel(dims.subspan(to))};
}

}  // namespace gossamer
