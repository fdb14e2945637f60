// Other shapes of the same elements, parts of a tensor, and exchanged dimensions. Any dtype; floating ones carry
// gradients.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/ops/shape.h"
#include "ops/check.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "tensor/dispatch.h"

namespace gossamer {

Tensor reshape(const Tensor& x, const Shape& shape) {
  constexpr const char* kOp = "reshape";
  struct ReshapeNode final : Node {
    Input x{*this};
    std::vector<Tensor> backward(const Tensor& grad) override { return {grad.alias(x.shape())}; }
  };

  check_defined(kOp, x);
  if (shape.numel() != x.numel()) {
    fail<ShapeError>(kOp, "the number of elements must stay the same",
                     fmt::format("{} elements of {} for {}", x.numel(), x.shape().to_string(), shape.to_string()));
  }
  return record<ReshapeNode>(kOp, x.alias(shape), {x});
}

Tensor reshape(const Tensor& x, std::initializer_list<int64_t> dims) {
  check_defined("reshape", x);
  std::vector<int64_t> sizes(dims);
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
  const int64_t end = range.end < 0 ? range.end + size : range.end;
  if (begin < 0 || begin > end || end > size) {
    fail<ShapeError>(kSlice,
                     fmt::format("0 <= begin <= end <= {} must hold (negative bounds count from the end)", size),
                     fmt::format("[{}, {}) of dimension {} of {}", range.begin, range.end, dim, x.shape().to_string()));
  }
  if (range.step < 1) fail<ConfigError>(kSlice, "step must be at least 1", fmt::format("{}", range.step));
  return {dim, begin, range.step, begin == end ? 0 : (end - begin - 1) / range.step + 1};
}

Shape with_size(const Shape& shape, int dim, int64_t size) {
  std::vector<int64_t> sizes(shape.begin(), shape.end());
  sizes[static_cast<size_t>(dim)] = size;
  return Shape(sizes);
}

// Calls f(offset in the whole, offset in the part, n) in parallel for the stretches of n elements that a range selects.
template <class F>
void for_each_stretch(const Shape& whole, const CheckedRange& range, F&& f) {
  const Axis axis = axis_of(whole, range.dim);
  const int64_t grain = std::max<int64_t>(1, rt::kElementGrain / std::max<int64_t>(1, range.count * axis.inner));
  rt::parallel_chunks(axis.outer, grain, [&](int64_t first, int64_t last) {
    for (int64_t outer = first; outer < last; ++outer) {
      const int64_t from = (outer * axis.size + range.begin) * axis.inner;
      const int64_t to = outer * range.count * axis.inner;
      if (range.step == 1) {
        f(from, to, range.count * axis.inner);
        continue;
      }
      for (int64_t k = 0; k < range.count; ++k) f(from + k * range.step * axis.inner, to + k * axis.inner, axis.inner);
    }
  });
}

struct SliceNode final : Node {
  Input x{*this};
  CheckedRange range;
  explicit SliceNode(const CheckedRange& range_) : range(range_) {}

  std::vector<Tensor> backward(const Tensor& grad) override {
    Tensor out = Tensor::zeros(x.shape(), grad.dtype());
    dispatch_floating(grad.dtype(), kSlice, [&]<class T>() {
      const T* const from = grad.data<T>();
      T* const to = out.mutable_data<T>();
      for_each_stretch(x.shape(), range,
                       [&](int64_t at, int64_t part, int64_t n) { std::copy_n(from + part, n, to + at); });
    });
    return {out};
  }
};

// [a, d0, b, d1, c] -> [a, d1, b, d0, c]
struct TransposeSizes {
  int64_t a, d0, b, d1, c;
};

template <class T>
void transpose_copy(const TransposeSizes& s, const T* x, T* out) {
  constexpr int64_t kTile = 32;  // a tile of both sides fits the L1 cache
  const int64_t tiles = (s.d1 + kTile - 1) / kTile;
  const int64_t unit_size = s.d0 * s.b * std::min(s.d1, kTile) * s.c;
  rt::parallel_chunks(s.a * tiles, std::max<int64_t>(1, rt::kElementGrain / unit_size),
                      [&](int64_t begin, int64_t end) {
                        for (int64_t unit = begin; unit < end; ++unit) {
                          const int64_t a = unit / tiles;
                          const int64_t j_begin = unit % tiles * kTile;
                          const int64_t j_end = std::min(s.d1, j_begin + kTile);
                          for (int64_t b = 0; b < s.b; ++b) {
                            for (int64_t i_begin = 0; i_begin < s.d0; i_begin += kTile) {
                              const int64_t i_end = std::min(s.d0, i_begin + kTile);
                              for (int64_t j = j_begin; j < j_end; ++j) {
                                for (int64_t i = i_begin; i < i_end; ++i) {
                                  const T* const from = x + (((a * s.d0 + i) * s.b + b) * s.d1 + j) * s.c;
                                  T* const to = out + (((a * s.d1 + j) * s.b + b) * s.d0 + i) * s.c;
                                  // A call of memmove for each single element costs more than the copy.
                                  if (s.c == 1) {
                                    *to = *from;
                                  } else {
                                    std::copy_n(from, s.c, to);
                                  }
                                }
                              }
                            }
                          }
                        }
                      });
}

}  // namespace

Tensor slice(const Tensor& x, int64_t begin, int64_t end) {
  const CheckedRange range = check_range(x, {.dim = 0, .begin = begin, .end = end});
  const Shape part = with_size(x.shape(), 0, range.count);
  const int64_t row = axis_of(x.shape(), 0).inner;
  return record<SliceNode>(kSlice, x.alias(part, range.begin * row), {x}, range);
}

Tensor slice(const Tensor& x, const SliceRange& range) {
  const CheckedRange checked = check_range(x, range);
  Tensor out = Tensor::empty(with_size(x.shape(), checked.dim, checked.count), x.dtype());
  dispatch_all(x.dtype(), [&]<class T>() {
    const T* const from = x.data<T>();
    T* const to = out.mutable_data<T>();
    for_each_stretch(x.shape(), checked,
                     [&](int64_t at, int64_t part, int64_t n) { std::copy_n(from + at, n, to + part); });
  });
  return record<SliceNode>(kSlice, out, {x}, checked);
}

Tensor transpose(const Tensor& x, int dim0, int dim1) {
  constexpr const char* kOp = "transpose";
  struct TransposeNode final : Node {
    int dim0;
    int dim1;
    TransposeNode(int dim0_, int dim1_) : dim0(dim0_), dim1(dim1_) {}
    std::vector<Tensor> backward(const Tensor& grad) override { return {transpose(grad, dim0, dim1)}; }
  };

  check_defined(kOp, x);
  const auto [first, second] = std::minmax({normalize_dim(kOp, x.shape(), dim0), normalize_dim(kOp, x.shape(), dim1)});
  const Axis low = axis_of(x.shape(), first);
  const Axis high = axis_of(x.shape(), second);
  const Axis between = axis_of(x.shape(), first, second - 1);
  std::vector<int64_t> sizes(x.shape().begin(), x.shape().end());
  std::swap(sizes[static_cast<size_t>(first)], sizes[static_cast<size_t>(second)]);
  Tensor out = Tensor::empty(Shape(sizes), x.dtype());
  if (first == second) {
    out.copy_from(x);
  } else if (x.numel() > 0) {
    const TransposeSizes s{low.outer, low.size, between.size / low.size, high.size, high.inner};
    dispatch_all(x.dtype(), [&]<class T>() { transpose_copy<T>(s, x.data<T>(), out.mutable_data<T>()); });
  }
  return record<TransposeNode>(kOp, out, {x}, first, second);
}

Tensor permute(const Tensor& x, std::span<const int> dims) {
  constexpr const char* kOp = "permute";
  struct PermuteNode final : Node {
    std::vector<int> inverse;
    explicit PermuteNode(std::vector<int> inverse_) : inverse(std::move(inverse_)) {}
    std::vector<Tensor> backward(const Tensor& grad) override { return {permute(grad, inverse)}; }
  };

  check_defined(kOp, x);
  std::vector<int> inverse(static_cast<size_t>(x.rank()), -1);
  const auto taken = static_cast<int>(std::ranges::count_if(dims, [&, next = 0](int dim) mutable {
    return std::exchange(inverse[static_cast<size_t>(normalize_dim(kOp, x.shape(), dim))], next++) < 0;
  }));
  if (taken != x.rank() || dims.size() != inverse.size()) {
    fail<ShapeError>(kOp, fmt::format("dims must name each of {} dimensions once", x.rank()),
                     fmt::format("[{}]", fmt::join(dims, ", ")));
  }
  // One exchange after the other, each of which brings a dimension to its place.
  Tensor out = x.detach();
  std::vector<int> at(inverse.size());  // at[i]: the dimension of x that is dimension i of out
  std::iota(at.begin(), at.end(), 0);
  for (size_t i = 0; i < at.size(); ++i) {
    const auto from = std::ranges::find(at, normalize_dim(kOp, x.shape(), dims[i]));
    if (from == at.begin() + static_cast<std::ptrdiff_t>(i)) continue;
    out = transpose(out, static_cast<int>(i), static_cast<int>(from - at.begin()));
    std::swap(at[i], *from);
  }
  return record<PermuteNode>(kOp, out, {x}, std::move(inverse));
}

}  // namespace gossamer
