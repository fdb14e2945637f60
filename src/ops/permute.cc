// Dimensions in another order.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/block_allocator.h"
#include "gossamer/dispatch.h"
#include "gossamer/ops/shape.h"
#include "ops/check.h"
#include "runtime/check.h"
#include "runtime/parallel.h"

namespace gossamer {

namespace {

// [a, d0, b, d1, c] -> [a, d1, b, d0, c]
struct TransposeSizes {
  int64_t a, d0, b, d1, c;
};

template <class T>
void transpose_copy(const TransposeSizes& s, const T* x, T* out) {
  constexpr int64_t kTile = 32;  // a tile of both sides fits the L1 cache
  const int64_t tiles = (s.d1 + kTile - 1) / kTile;
  const int64_t unit_size = s.d0 * s.b * std::min(s.d1, kTile) * s.c;
  rt::parallel_chunks(s.a * tiles, rt::grain_of(unit_size), [&](int64_t begin, int64_t end) {
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

Tensor transpose(const Tensor& x, int dim0, int dim1) {
  constexpr const char* kOp = "transpose";
  struct TransposeNode final : Node {
    int dim0;
    int dim1;
    TransposeNode(int dim0_, int dim1_) : dim0(dim0_), dim1(dim1_) {}
    Gradients backward(const Tensor& grad) override { return {transpose(grad, dim0, dim1)}; }
  };

  check_defined(kOp, x);
  const auto [first, second] = std::minmax({normalize_dim(kOp, x.shape(), dim0), normalize_dim(kOp, x.shape(), dim1)});
  const Axis low = axis_of(x.shape(), first);
  const Axis high = axis_of(x.shape(), second);
  const Axis between = axis_of(x.shape(), first, second - 1);
  BlockVector<int64_t> sizes(x.shape().begin(), x.shape().end());
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
    Gradients backward(const Tensor& grad) override { return {permute(grad, inverse)}; }
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
