// What every operation checks of its operands first, and how it sees one of their dimensions.
#pragma once

#include <bitset>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "gossamer/tensor.h"
#include "tensor/format.h"

namespace gossamer {

// Throws StateError unless x is defined.
void check_defined(std::string_view op, const Tensor& x);

// Throws StateError unless x is defined, DTypeError unless it is f32 or f64.
void check_floating(std::string_view op, const Tensor& x);

// check_defined for both, and DTypeError unless they share their dtype.
void check_same_dtype(std::string_view op, const Tensor& a, const Tensor& b);
// check_floating for both, and DTypeError unless they share their dtype.
void check_same_floating(std::string_view op, const Tensor& a, const Tensor& b);

// The remedy where the last size of x, which is another, must be `features`; "" where none is known.
std::string remedy_of_features(const Shape& x, int64_t features);

// A dimension index within [0, rank); negative ones count from the end. Throws ShapeError outside.
int normalize_dim(std::string_view op, const Shape& shape, int dim);
// The same for a new dimension, within [0, rank].
int normalize_new_dim(std::string_view op, const Shape& shape, int dim);

using Dims = std::bitset<Shape::kMaxRank>;
// The dimensions named (negative from the end). Throws ShapeError where one is outside or named twice.
Dims set_of_dims(std::string_view op, const Shape& shape, std::span<const int> dims);

// The elements of a tensor that may be undefined, else null.
template <Element T>
const T* data_or_null(const Tensor& x) {
  return x.defined() ? x.data<T>() : nullptr;
}

// The shape with another size of one dimension.
Shape with_size(const Shape& shape, int dim, int64_t size);

// The shape with another last size.
Shape with_last(const Shape& shape, int64_t last);

// A shape seen from one of its dimensions (or from a run of adjacent ones): [outer, size, inner].
struct Axis {
  int64_t outer;
  int64_t size;
  int64_t inner;
};

// The axis made of dimensions [first, last].
Axis axis_of(const Shape& shape, int first, int last);
inline Axis axis_of(const Shape& shape, int dim) { return axis_of(shape, dim, dim); }

}  // namespace gossamer
