// Other shapes of the same elements, and parts of a tensor.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/block_allocator.h"
#include "gossamer/dispatch.h"
#include "gossamer/ops/shape.h"
#include "ops/check.h"
#include "ops/lines.h"
#include "ops/parts.h"
#include "runtime/check.h"

namespace gossamer {

namespace {

// x in another shape of as many elements.
Tensor recorded_view(const char* op, const Tensor& x, const Shape& shape) {
  struct ViewNode final : Node {
    Input x{*this};
    Gradients backward(const Tensor& grad) override { return {grad.alias(x.shape())}; }
  };

  return record<ViewNode>(op, x.alias(shape), {x});
}

}  // namespace

Tensor reshape(const Tensor& x, const Shape& shape) {
  constexpr const char* kOp = "reshape";
  check_defined(kOp, x);
  if (shape.numel() != x.numel()) {
    fail<ShapeError>(kOp, "the number of elements must stay the same",
                     fmt::format("{} elements of {} for {}", x.numel(), x.shape().to_string(), shape.to_string()));
  }
  return recorded_view(kOp, x, shape);
}

Tensor reshape(const Tensor& x, std::initializer_list<int64_t> dims) {
  check_defined("reshape", x);
  BlockVector<int64_t> sizes(dims);
  const auto unknown = std::ranges::find(sizes, -1);
  if (unknown == sizes.end()) return reshape(x, Shape(sizes));
  if (std::find(unknown + 1, sizes.end(), -1) != sizes.end()) {
    fail<ShapeError>("reshape", "at most one size may be -1", fmt::format("[{}]", fmt::join(dims, ", ")));
  }
  *unknown = 1;
  const int64_t known = Shape(sizes).numel();
  if (known == 0 || x.numel() % known != 0) {
    fail<ShapeError>(
        "reshape", "the size given as -1 must follow from the others",
        fmt::format("{} elements of {} for [{}]", x.numel(), x.shape().to_string(), fmt::join(dims, ", ")));
  }
  *unknown = x.numel() / known;
  return reshape(x, Shape(sizes));
}

Tensor flatten(const Tensor& x, const FlattenOptions& options) {
  constexpr const char* kOp = "flatten";
  check_defined(kOp, x);
  const Shape shape = x.rank() == 0 ? Shape{1} : x.shape();
  const int first = normalize_dim(kOp, shape, options.start_dim);
  const int last = normalize_dim(kOp, shape, options.end_dim);
  if (first > last) {
    fail<ShapeError>(kOp, "start_dim must not come after end_dim",
                     fmt::format("{} and {} of {}", options.start_dim, options.end_dim, shape.to_string()));
  }
  BlockVector<int64_t> sizes(shape.begin(), shape.begin() + first);
  sizes.push_back(axis_of(shape, first, last).size);
  sizes.insert(sizes.end(), shape.begin() + last + 1, shape.end());
  return recorded_view(kOp, x, Shape(sizes));
}

Tensor squeeze(const Tensor& x) {
  constexpr const char* kOp = "squeeze";
  check_defined(kOp, x);
  BlockVector<int64_t> sizes(x.shape().begin(), x.shape().end());
  std::erase(sizes, 1);
  return recorded_view(kOp, x, Shape(sizes));
}

Tensor squeeze(const Tensor& x, int dim) {
  constexpr const char* kOp = "squeeze";
  check_defined(kOp, x);
  const int at = normalize_dim(kOp, x.shape(), dim);
  BlockVector<int64_t> sizes(x.shape().begin(), x.shape().end());
  if (x.shape()[at] == 1) sizes.erase(sizes.begin() + at);
  return recorded_view(kOp, x, Shape(sizes));
}

Tensor unsqueeze(const Tensor& x, int dim) {
  constexpr const char* kOp = "unsqueeze";
  check_defined(kOp, x);
  const int at = normalize_new_dim(kOp, x.shape(), dim);
  BlockVector<int64_t> sizes(x.shape().begin(), x.shape().end());
  sizes.insert(sizes.begin() + at, 1);
  return recorded_view(kOp, x, Shape(sizes));
}

namespace {

constexpr const char* kSlice = "slice";

// The range with normalized bounds, and the number of elements it names.
struct CheckedRange {
  int dim;
  int64_t begin;
  int64_t step;
  int64_t count;
};

CheckedRange check_range(const Tensor& x, const SliceRange& range) {
  check_defined(kSlice, x);
  const int dim = normalize_dim(kSlice, x.shape(), range.dim);
  const int64_t size = x.shape()[dim];
  const int64_t begin = range.begin < 0 ? range.begin + size : range.begin;
  const int64_t given_end = range.end.value_or(size);
  const int64_t end = given_end < 0 ? given_end + size : given_end;
  if (begin < 0 || begin > end || end > size) {
    fail<ShapeError>(kSlice,
                     fmt::format("0 <= begin <= end <= {} must hold (negative bounds count from the end)", size),
                     fmt::format("[{}, {}) of dimension {} of {}", range.begin, given_end, dim, x.shape().to_string()));
  }
  if (range.step < 1) fail<ConfigError>(kSlice, "step must be at least 1", fmt::format("{}", range.step));
  return {dim, begin, range.step, begin == end ? 0 : (end - begin - 1) / range.step + 1};
}

// Calls f(offset in the whole, offset in the part, n) in parallel for the stretches of n elements that a range selects.
template <class F>
void for_each_stretch(const Shape& whole, const CheckedRange& range, F&& f) {
  const Axis axis = axis_of(whole, range.dim);
  const int64_t line = axis.size * axis.inner;
  const int64_t start = range.begin * axis.inner;
  if (range.step == 1) {
    const int64_t n = range.count * axis.inner;
    parallel_lines(axis.outer, n, 1, [&](int64_t outer, int64_t begin, int64_t end) {
      f(outer * line + start + begin, outer * n + begin, end - begin);
    });
    return;
  }
  parallel_lines(axis.outer, range.count, axis.inner, [&](int64_t outer, int64_t begin, int64_t end) {
    const int64_t whole_line = outer * line + start;
    const int64_t part_line = outer * range.count * axis.inner;
    if (axis.inner == 1) {
      // With the length known, f is an assignment.
      for (int64_t k = begin; k < end; ++k) f(whole_line + k * range.step, part_line + k, 1);
      return;
    }
    for (int64_t k = begin; k < end; ++k) {
      f(whole_line + k * range.step * axis.inner, part_line + k * axis.inner, axis.inner);
    }
  });
}

Tensor copy_of(const Tensor& x, const CheckedRange& range) {
  Tensor out = Tensor::empty(with_size(x.shape(), range.dim, range.count), x.dtype());
  dispatch_all(x.dtype(), [&]<class T>() {
    const T* const from = x.data<T>();
    T* const to = out.mutable_data<T>();
    for_each_stretch(x.shape(), range, [&](int64_t at, int64_t part, int64_t n) { copy_run(from + at, n, to + part); });
  });
  return out;
}

struct SliceNode final : Node {
  Input x{*this};
  CheckedRange range;
  explicit SliceNode(const CheckedRange& range_) : range(range_) {}

  Gradients backward(const Tensor& grad) override {
    Tensor out = Tensor::zeros(x.shape(), grad.dtype());
    dispatch_floating(grad.dtype(), kSlice, [&]<class T>() {
      const T* const from = grad.data<T>();
      T* const to = out.mutable_data<T>();
      for_each_stretch(x.shape(), range,
                       [&](int64_t at, int64_t part, int64_t n) { copy_run(from + part, n, to + at); });
    });
    return {out};
  }

  bool add_backward(const Tensor& grad, Tensor& sum) override {
    dispatch_floating(grad.dtype(), kSlice, [&]<class T>() {
      const T* const from = grad.data<T>();
      T* const to = sum.mutable_data<T>();
      for_each_stretch(x.shape(), range, [&](int64_t at, int64_t part, int64_t n) {
        for (int64_t i = 0; i < n; ++i) to[at + i] += from[part + i];
      });
    });
    return true;
  }
};

}  // namespace

Tensor part_of(const char* op, const Tensor& x, int dim, int64_t begin, int64_t size) {
  const Shape shape = with_size(x.shape(), dim, size);
  const Axis axis = axis_of(x.shape(), dim);
  const CheckedRange range{dim, begin, 1, size};
  const Tensor part = axis.outer == 1 ? x.alias(shape, begin * axis.inner) : copy_of(x, range);
  return record<SliceNode>(op, part, {x}, range);
}

Tensor slice(const Tensor& x, int64_t begin, int64_t end) {
  const CheckedRange range = check_range(x, {.dim = 0, .begin = begin, .end = end});
  return part_of(kSlice, x, 0, range.begin, range.count);
}

Tensor slice(const Tensor& x, const SliceRange& range) {
  const CheckedRange checked = check_range(x, range);
  return record<SliceNode>(kSlice, copy_of(x, checked), {x}, checked);
}

}  // namespace gossamer
