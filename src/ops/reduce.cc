// Reductions over any set of dimensions.
#include "ops/reduce.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <cstdint>
#include <limits>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/ops/elementwise.h"
#include "gossamer/ops/reduce.h"
#include "ops/broadcast.h"
#include "ops/check.h"
#include "ops/elementwise.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "tensor/dispatch.h"

namespace gossamer {

using kernels::Binary;

namespace {

using Dims = std::bitset<Shape::kMaxRank>;

struct Sum {
  template <class T>
  static constexpr T kIdentity = 0;
  template <class T>
  T operator()(T a, T b) const {
    return a + b;
  }
};

struct Max {
  template <class T>
  static constexpr T kIdentity = -std::numeric_limits<T>::infinity();
  // A NaN on either side wins.
  template <class T>
  T operator()(T a, T b) const {
    return a > b || a != a ? a : b;
  }
};

constexpr int64_t kLanes = 16;

// Independent lanes, joined as a tree: the loop vectorizes without leave to reorder.
template <class T, class Combine>
T fold_contiguous(const T* x, int64_t n, Combine combine) {
  std::array<T, kLanes> lanes;
  lanes.fill(Combine::template kIdentity<T>);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) lanes[lane] = combine(lanes[lane], x[i + static_cast<int64_t>(lane)]);
  }
  for (size_t lane = 0; i < n; ++i, ++lane) lanes[lane] = combine(lanes[lane], x[i]);
  for (size_t half = kLanes / 2; half > 0; half /= 2) {
    for (size_t lane = 0; lane < half; ++lane) lanes[lane] = combine(lanes[lane], lanes[lane + half]);
  }
  return lanes[0];
}

// [outer, size, inner] -> [outer, ceil(size / chunk), inner]: each chunk of the axis becomes one.
template <class T, class Combine>
void fold_chunks(const Axis& axis, int64_t chunk, const T* x, T* out, Combine combine) {
  constexpr int64_t kBlock = 4096;  // columns; accumulators stay in the L1 cache
  const int64_t chunks = (axis.size + chunk - 1) / chunk;
  const int64_t blocks = (axis.inner + kBlock - 1) / kBlock;
  const int64_t unit_size = std::min(chunk, axis.size) * std::min(axis.inner, kBlock);
  const int64_t grain = std::max<int64_t>(1, rt::kElementGrain / std::max<int64_t>(1, unit_size));
  rt::parallel_chunks(axis.outer * chunks * blocks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t col = unit % blocks * kBlock;
      const int64_t outer_chunk = unit / blocks;
      const int64_t first = outer_chunk % chunks * chunk;
      const int64_t n = std::min(chunk, axis.size - first);
      const int64_t width = std::min(kBlock, axis.inner - col);
      const T* from = x + (outer_chunk / chunks * axis.size + first) * axis.inner + col;
      T* const to = out + outer_chunk * axis.inner + col;
      if (axis.inner == 1) {
        *to = fold_contiguous(from, n, combine);
        continue;
      }
      std::copy_n(from, width, to);
      for (int64_t k = 1; k < n; ++k) {
        from += axis.inner;
        for (int64_t i = 0; i < width; ++i) to[i] = combine(to[i], from[i]);
      }
    }
  });
}

// [outer, size, inner] -> [outer, inner], by chunks of chunks: parallel whatever the sizes, with splits that depend on
// nothing but them, and accurate, since no more than 256 elements are ever added one after the other.
template <class Combine>
Tensor fold_axis(Tensor x, Axis axis, Combine combine) {
  return dispatch_floating(x.dtype(), "reduce", [&]<class T>() {
    if (axis.size == 0) {
      return Tensor::full({axis.outer, axis.inner}, static_cast<double>(Combine::template kIdentity<T>), x.dtype());
    }
    const int64_t chunk = axis.inner == 1 ? 256 * kLanes : 256;
    do {
      const int64_t chunks = (axis.size + chunk - 1) / chunk;
      Tensor folded = Tensor::empty({axis.outer, chunks, axis.inner}, x.dtype());
      fold_chunks(axis, chunk, x.data<T>(), folded.mutable_data<T>(), combine);
      x = folded;
      axis.size = chunks;
    } while (axis.size > 1);
    return x;
  });
}

Shape reduced_shape(const Shape& shape, const Dims& dims, bool keepdim) {
  std::vector<int64_t> sizes;
  for (int i = 0; i < shape.rank(); ++i) {
    const bool reduced = dims[static_cast<size_t>(i)];
    if (!reduced) sizes.push_back(shape[i]);
    if (reduced && keepdim) sizes.push_back(1);
  }
  return Shape(sizes);
}

// Runs of adjacent dimensions, last first, so that the earlier ones keep their places. The result keeps all dimensions.
template <class Combine>
Tensor fold(const Tensor& x, const Dims& dims, Combine combine) {
  if (dims.none()) return x.clone();
  Tensor result = x.detach();
  Dims left = dims;
  for (int last = x.rank() - 1; last >= 0; --last) {
    if (!left[static_cast<size_t>(last)]) continue;
    int first = last;
    while (first > 0 && left[static_cast<size_t>(first - 1)]) --first;
    Dims run;
    for (int i = first; i <= last; ++i) run.set(static_cast<size_t>(i));
    const Shape folded = reduced_shape(result.shape(), run, true);
    result = fold_axis(result, axis_of(result.shape(), first, last), combine).alias(folded);
    left &= ~run;
  }
  return result;
}

Dims checked_dims(const char* op, const Shape& shape, const std::vector<int>& dims) {
  Dims set;
  if (dims.empty()) {
    for (int i = 0; i < shape.rank(); ++i) set.set(static_cast<size_t>(i));
  }
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

// Number of elements that go into one of the result. Throws ShapeError where there are none.
int64_t nonzero_count(const char* op, const Shape& shape, const Dims& dims) {
  const int64_t count = reduced_shape(shape, ~dims, false).numel();
  if (count == 0) fail<ShapeError>(op, "there must be elements to reduce", shape.to_string());
  return count;
}

// The sum divided by `count`.
Tensor divided_sum(const char* op, const Tensor& x, const Dims& dims, bool keepdim, int64_t count) {
  struct SumNode final : Node {
    Input x{*this};
    Shape kept;
    double count;
    SumNode(const Shape& kept_, double count_) : kept(kept_), count(count_) {}

    std::vector<Tensor> backward(const Tensor& grad) override {
      const Tensor share = count == 1 ? grad : zip_scalar(Binary::Div, grad, count);
      return {expand(share.alias(kept), x.shape())};
    }
  };

  const auto divisor = static_cast<double>(count);
  Tensor total = fold(x, dims, Sum{});
  if (count != 1) total = zip_scalar(Binary::Div, total, divisor);
  return record<SumNode>(op, total.alias(reduced_shape(x.shape(), dims, keepdim)), {x}, total.shape(), divisor);
}

}  // namespace

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  Dims stretched;
  const int extra = x.rank() - shape.rank();
  for (int i = 0; i < x.rank(); ++i) {
    if (i < extra || (shape[i - extra] == 1 && x.shape()[i] != 1)) stretched.set(static_cast<size_t>(i));
  }
  return fold(x, stretched, Sum{}).alias(shape);
}

Tensor sum(const Tensor& x, const ReduceOptions& options) {
  constexpr const char* kOp = "sum";
  check_floating(kOp, x);
  return divided_sum(kOp, x, checked_dims(kOp, x.shape(), options.dims), options.keepdim, 1);
}

Tensor mean(const Tensor& x, const ReduceOptions& options) {
  constexpr const char* kOp = "mean";
  check_floating(kOp, x);
  const Dims dims = checked_dims(kOp, x.shape(), options.dims);
  return divided_sum(kOp, x, dims, options.keepdim, nonzero_count(kOp, x.shape(), dims));
}

Tensor max(const Tensor& x, const ReduceOptions& options) {
  constexpr const char* kOp = "max";
  struct MaxNode final : Node {
    Input x{*this, {&x}};
    SavedTensor peak;
    Dims dims;
    MaxNode(const Tensor& peak_, const Dims& dims_) : peak(*this, peak_), dims(dims_) {}

    std::vector<Tensor> backward(const Tensor& grad) override {
      const Tensor tied = zip(kOp, Binary::Same, x.value(), peak.get());
      const Tensor share = div(grad.alias(peak.get().shape()), fold(tied, dims, Sum{}));
      return {zip(kOp, Binary::Where, tied, share)};
    }
  };

  check_floating(kOp, x);
  const Dims dims = checked_dims(kOp, x.shape(), options.dims);
  nonzero_count(kOp, x.shape(), dims);
  const Tensor peak = fold(x, dims, Max{});
  return record<MaxNode>(kOp, peak.alias(reduced_shape(x.shape(), dims, options.keepdim)), {x}, peak, dims);
}

}  // namespace gossamer
