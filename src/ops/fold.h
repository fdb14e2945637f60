// The loops of reductions: a function of each element, combined over any set of dimensions. Nothing is recorded.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include "gossamer/dispatch.h"
#include "gossamer/tensor.h"
#include "kernels/elementwise.h"
#include "kernels/extremes.h"
#include "kernels/reduce.h"
#include "ops/check.h"
#include "runtime/parallel.h"

namespace gossamer {

// The dimensions that a reduction folds: those named (set_of_dims), all where none is.
Dims checked_dims(const char* op, const Shape& shape, const std::vector<int>& dims);
// The shape that is left; folded dimensions have size 1 or go.
Shape reduced_shape(const Shape& shape, const Dims& dims, bool keepdim);
// Number of elements that go into one of the result. Throws ShapeError where there are none.
int64_t nonzero_count(const char* op, const Shape& shape, const Dims& dims);

namespace folding {

// ---- How two values become one, and many by a kernel. NaN on either side wins. ----

struct Sum {
  static constexpr kernels::Binary kKernel = kernels::Binary::Add;
  template <class T>
  static constexpr T kIdentity = 0;
  template <class T>
  T operator()(T a, T b) const {
    return a + b;
  }
};
struct Product {
  static constexpr kernels::Binary kKernel = kernels::Binary::Mul;
  template <class T>
  static constexpr T kIdentity = 1;
  template <class T>
  T operator()(T a, T b) const {
    return a * b;
  }
};
struct Max {
  static constexpr kernels::Binary kKernel = kernels::Binary::Maximum;
  template <class T>
  static constexpr T kIdentity = -std::numeric_limits<T>::infinity();
  template <class T>
  T operator()(T a, T b) const {
    return a > b || a != a ? a : b;
  }
  template <class T>
  static T of(int64_t n, const T* x) {
    return kernels::max(n, x);
  }
};
struct Min {
  static constexpr kernels::Binary kKernel = kernels::Binary::Minimum;
  template <class T>
  static constexpr T kIdentity = std::numeric_limits<T>::infinity();
  template <class T>
  T operator()(T a, T b) const {
    return a < b || a != a ? a : b;
  }
  template <class T>
  static T of(int64_t n, const T* x) {
    return kernels::min(n, x);
  }
};

// ---- What is combined of each element. The type of the value is that of the result; `sum` adds many. ----

struct Itself {
  template <class T>
  T operator()(T x) const {
    return x;
  }
};
struct Magnitude {
  template <class T>
  T operator()(T x) const {
    return std::abs(x);
  }
};
struct Widened {
  template <class T>
  double operator()(T x) const {
    return static_cast<double>(x);
  }
  template <class T>
  static double sum(int64_t n, const T* x) {
    return kernels::sum(n, x);
  }
};
// In double, so that squares of f32 neither overflow nor vanish.
struct WideSquare {
  template <class T>
  double operator()(T x) const {
    const auto wide = static_cast<double>(x);
    return wide * wide;
  }
  template <class T>
  static double sum(int64_t n, const T* x) {
    return kernels::sum_of_squares(n, x);
  }
};

constexpr int64_t kLanes = 16;

// Independent lanes, joined as a tree: the loop vectorizes without leave to reorder.
template <class T, class Value, class Combine>
auto fold_lanes(const T* x, int64_t n, Value value, Combine combine) {
  using Acc = decltype(value(T()));
  std::array<Acc, kLanes> lanes;
  lanes.fill(Combine::template kIdentity<Acc>);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] = combine(lanes[lane], value(x[i + static_cast<int64_t>(lane)]));
    }
  }
  for (size_t lane = 0; i < n; ++i, ++lane) lanes[lane] = combine(lanes[lane], value(x[i]));
  for (size_t half = kLanes / 2; half > 0; half /= 2) {
    for (size_t lane = 0; lane < half; ++lane) lanes[lane] = combine(lanes[lane], lanes[lane + half]);
  }
  return lanes[0];
}

// A contiguous line, n >= 1: by the kernel where there is one.
template <class T, class Value, class Combine>
auto fold_line(const T* x, int64_t n, Value value, Combine combine) {
  if constexpr (requires { Value::sum(n, x); }) {
    static_assert(std::is_same_v<Combine, Sum>);
    return Value::sum(n, x);
  } else if constexpr (std::is_same_v<Value, Itself> && requires { Combine::of(n, x); }) {
    return Combine::of(n, x);
  } else {
    if (n >= kLanes) return fold_lanes(x, n, value, combine);
    auto result = value(x[0]);
    for (int64_t i = 1; i < n; ++i) result = combine(result, value(x[i]));
    return result;
  }
}

// y[i] = combine(y[i], value(x[i]))
template <class T, class Acc, class Value, class Combine>
void fold_row(int64_t n, const T* x, Acc* y, Value value, Combine combine) {
  if constexpr (std::is_same_v<Value, Itself>) {
    if (n >= 32) {  // below, the loop is faster than the call
      kernels::zip(Combine::kKernel, n, {y}, {x}, y);
      return;
    }
  }
  for (int64_t i = 0; i < n; ++i) y[i] = combine(y[i], value(x[i]));
}

// [outer, size, inner] -> [outer, ceil(size / chunk), inner]: each chunk of the axis becomes one.
template <class T, class Acc, class Value, class Combine>
void fold_chunks(const Axis& axis, int64_t chunk, const T* x, Acc* out, Value value, Combine combine) {
  constexpr int64_t kBlock = 4096;  // columns; accumulators stay in the L1 cache
  const int64_t chunks = (axis.size + chunk - 1) / chunk;
  const int64_t blocks = (axis.inner + kBlock - 1) / kBlock;
  const int64_t unit_size = std::min(chunk, axis.size) * std::min(axis.inner, kBlock);
  const int64_t grain = rt::grain_of(unit_size);
  rt::parallel_chunks(axis.outer * chunks * blocks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t col = unit % blocks * kBlock;
      const int64_t outer_chunk = unit / blocks;
      const int64_t first = outer_chunk % chunks * chunk;
      const int64_t n = std::min(chunk, axis.size - first);
      const int64_t width = std::min(kBlock, axis.inner - col);
      const T* const from = x + (outer_chunk / chunks * axis.size + first) * axis.inner + col;
      Acc* const to = out + outer_chunk * axis.inner + col;
      if (axis.inner == 1) {
        *to = fold_line(from, n, value, combine);
        continue;
      }
      for (int64_t i = 0; i < width; ++i) to[i] = value(from[i]);
      for (int64_t k = 1; k < n; ++k) fold_row(width, from + k * axis.inner, to, value, combine);
    }
  });
}

// [outer, size, inner] -> [outer, inner], by chunks of chunks: parallel whatever the sizes, with splits that depend on
// nothing but them, and accurate, since no more than 256 elements are ever added one after the other.
template <class Value, class Combine>
Tensor fold_axis(const Tensor& x, Axis axis, Value value, Combine combine) {
  return dispatch_floating(x.dtype(), "reduce", [&]<class T>() {
    using Acc = decltype(value(T()));
    constexpr DType kResult = std::is_same_v<Acc, float> ? DType::f32 : DType::f64;
    if (axis.size == 0) {
      return Tensor::full({axis.outer, axis.inner}, static_cast<double>(Combine::template kIdentity<Acc>), kResult);
    }
    const int64_t chunk = axis.inner == 1 ? 256 * kLanes : 256;
    const auto folded = [&]<class From>(const From* from, auto of_element) {
      const int64_t chunks = (axis.size + chunk - 1) / chunk;
      Tensor out = Tensor::empty({axis.outer, chunks, axis.inner}, kResult);
      fold_chunks(axis, chunk, from, out.mutable_data<Acc>(), of_element, combine);
      axis.size = chunks;
      return out;
    };
    Tensor result = folded(x.data<T>(), value);
    while (axis.size > 1) result = folded(result.data<Acc>(), Itself());
    return result;
  });
}

}  // namespace folding

// combine over value(element), one result for all elements that agree outside of dims. The result keeps all dimensions;
// its dtype is that of the values.
template <class Combine, class Value = folding::Itself>
Tensor fold(const Tensor& x, const Dims& dims, Combine combine, Value value = {}) {
  Shape shape = x.shape();
  if (dims.none()) return folding::fold_axis(x, {shape.numel(), 1, 1}, value, combine).alias(shape);
  Tensor result;
  Dims left = dims;
  // Runs of adjacent dimensions, last first, so that the earlier ones keep their places.
  for (int last = shape.rank() - 1; last >= 0; --last) {
    if (!left[static_cast<size_t>(last)]) continue;
    int first = last;
    while (first > 0 && left[static_cast<size_t>(first - 1)]) --first;
    Dims run;
    for (int i = first; i <= last; ++i) run.set(static_cast<size_t>(i));
    const Axis axis = axis_of(shape, first, last);
    result = result.defined() ? folding::fold_axis(result, axis, folding::Itself(), combine)
                              : folding::fold_axis(x, axis, value, combine);
    shape = reduced_shape(shape, run, true);
    left &= ~run;
  }
  return result.alias(shape);
}

}  // namespace gossamer
