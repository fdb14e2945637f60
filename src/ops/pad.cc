// Elements added around a tensor.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/block_allocator.h"
#include "gossamer/dispatch.h"
#include "gossamer/ops/indexing.h"
#include "gossamer/ops/rearrange.h"
#include "ops/check.h"
#include "ops/lines.h"
#include "runtime/check.h"

namespace gossamer {

namespace {

constexpr const char* kOp = "pad";

// Where the rows of the original lie in the padded tensor. A row is the last padded dimension and all that follow;
// dimensions in front of the first padded one count as one.
class Place {
 public:
  Place(const Shape& shape, const std::vector<PadRange>& ranges) : run_(shape.numel()) {
    if (ranges.empty()) return;
    const Shape whole = padded(shape, ranges);
    BlockVector<int64_t> before(static_cast<size_t>(shape.rank()));
    int first = shape.rank();
    int last = 0;
    for (const PadRange& range : ranges) {
      before[static_cast<size_t>(range.dim)] = range.before;
      first = std::min(first, range.dim);
      last = std::max(last, range.dim);
    }
    int64_t stride = axis_of(whole, last).inner;
    run_ = shape[last] * stride;
    start_ = before[static_cast<size_t>(last)] * stride;
    stride *= whole[last];
    for (int dim = last - 1; dim >= first; --dim) {
      loops_.push_back({shape[dim], stride});
      rows_ *= shape[dim];
      start_ += before[static_cast<size_t>(dim)] * stride;
      stride *= whole[dim];
    }
    outer_stride_ = stride;
    rows_ *= axis_of(shape, first).outer;
  }

  static Shape padded(const Shape& shape, const std::vector<PadRange>& ranges) {
    BlockVector<int64_t> sizes(shape.begin(), shape.end());
    for (const PadRange& range : ranges) sizes[static_cast<size_t>(range.dim)] += range.before + range.after;
    return Shape(sizes);
  }

  // Calls f(offset in the original, offset in the padded tensor, n) in parallel for runs of n elements.
  template <class F>
  void for_each_run(F&& f) const {
    parallel_lines(rows_, run_, 1, [&](int64_t row, int64_t begin, int64_t end) {
      int64_t at = start_ + begin;
      int64_t index = row;
      for (const Loop& loop : loops_) {
        const int64_t outer = index / loop.size;
        at += (index - outer * loop.size) * loop.stride;
        index = outer;
      }
      at += index * outer_stride_;
      f(row * run_ + begin, at, end - begin);
    });
  }

 private:
  struct Loop {
    int64_t size;
    int64_t stride;
  };
  std::vector<Loop> loops_;  // over rows, innermost first, without the dimensions in front
  int64_t outer_stride_ = 0;
  int64_t rows_ = 1;
  int64_t run_;
  int64_t start_ = 0;
};

Tensor pad_constant(const Tensor& x, const std::vector<PadRange>& ranges, double value) {
  struct PadNode final : Node {
    Input x{*this};
    std::vector<PadRange> ranges;
    explicit PadNode(const std::vector<PadRange>& ranges_) : ranges(ranges_) {}

    Gradients backward(const Tensor& grad) override {
      Tensor dx = Tensor::empty(x.shape(), grad.dtype());
      if (dx.numel() == 0) return {dx};
      dispatch_floating(grad.dtype(), kOp, [&]<class T>() {
        const T* const from = grad.data<T>();
        T* const to = dx.mutable_data<T>();
        Place(x.shape(), ranges).for_each_run([&](int64_t at, int64_t padded, int64_t n) {
          copy_run(from + padded, n, to + at);
        });
      });
      return {dx};
    }
  };

  Tensor out = Tensor::full(Place::padded(x.shape(), ranges), value, x.dtype());
  if (x.numel() > 0) {
    dispatch_all(x.dtype(), [&]<class T>() {
      const T* const from = x.data<T>();
      T* const to = out.mutable_data<T>();
      Place(x.shape(), ranges).for_each_run([&](int64_t at, int64_t padded, int64_t n) {
        copy_run(from + at, n, to + padded);
      });
    });
  }
  return record<PadNode>(kOp, out, {x}, ranges);
}

// The element that stands at i, of a dimension that goes on beyond [0, size).
int64_t source_of(PadMode mode, int64_t i, int64_t size) {
  switch (mode) {
    case PadMode::Reflect: {
      const int64_t mirrored = std::abs(i);
      return mirrored < size ? mirrored : 2 * (size - 1) - mirrored;
    }
    case PadMode::Circular:
      return i < 0 ? i + size : i < size ? i : i - size;
    default:
      return std::clamp<int64_t>(i, 0, size - 1);
  }
}

Tensor pad_with_elements(const Tensor& x, const PadRange& range, PadMode mode) {
  const int64_t size = x.shape()[range.dim];
  const int64_t most = std::max(range.before, range.after);
  const bool fits = mode == PadMode::Reflect ? most < size : mode == PadMode::Circular ? most <= size : size > 0;
  if (most > 0 && !fits) {
    fail<ShapeError>(
        kOp, "there must be elements to pad with",
        fmt::format("{} and {} for dimension {} of {}", range.before, range.after, range.dim, x.shape().to_string()));
  }
  Tensor sources = Tensor::empty({range.before + size + range.after}, DType::i64);
  int64_t* const to = sources.mutable_data<int64_t>();
  for (int64_t i = 0; i < sources.numel(); ++i) to[i] = source_of(mode, i - range.before, size);
  return index_select(x, range.dim, sources);
}

}  // namespace

Tensor pad(const Tensor& x, std::span<const PadRange> ranges, const PadOptions& options) {
  check_defined(kOp, x);
  std::vector<int> dims;
  std::vector<PadRange> checked(ranges.begin(), ranges.end());
  for (PadRange& range : checked) {
    dims.push_back(range.dim);
    range.dim = normalize_dim(kOp, x.shape(), range.dim);
    const int64_t most = (std::numeric_limits<int64_t>::max() - x.shape()[range.dim]) / 2;  // so that the sum fits
    if (std::min(range.before, range.after) < 0 || std::max(range.before, range.after) > most) {
      fail<ShapeError>(kOp, fmt::format("before and after must be in [0, {}]", most),
                       fmt::format("{} and {} for dimension {}", range.before, range.after, range.dim));
    }
  }
  set_of_dims(kOp, x.shape(), dims);
  if (options.mode == PadMode::Constant) return pad_constant(x, checked, options.value);
  Tensor out = x;
  for (const PadRange& range : checked) out = pad_with_elements(out, range, options.mode);
  return out;
}

}  // namespace gossamer
