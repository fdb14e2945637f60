// Elements repeated to fill a larger shape.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/block_allocator.h"
#include "gossamer/dispatch.h"
#include "gossamer/ops/shape.h"
#include "ops/broadcast.h"
#include "ops/check.h"
#include "ops/lines.h"
#include "ops/reduce.h"
#include "runtime/check.h"

namespace gossamer {

Tensor expand(const Tensor& x, const Shape& shape) {
  constexpr const char* kOp = "expand";
  struct ExpandNode final : Node {
    Input x{*this};
    Gradients backward(const Tensor& grad) override { return {sum_to(grad, x.shape())}; }
  };

  check_defined(kOp, x);
  const BroadcastPlan plan = plan_broadcast(x.shape(), shape, kOp);
  if (plan.shape != shape) {
    fail<ShapeError>(kOp, "only new dimensions and those of size 1 can grow",
                     fmt::format("{} for {}", x.shape().to_string(), shape.to_string()));
  }
  Tensor out = Tensor::empty(shape, x.dtype());
  dispatch_all(x.dtype(), [&]<class T>() {
    const T* const from = x.data<T>();
    T* const to = out.mutable_data<T>();
    parallel_stretches(plan, [&](int64_t at, int64_t x_at, int64_t, int64_t n) {
      if (plan.stride_a[0] == 0) {
        std::fill_n(to + at, n, from[x_at]);
      } else {
        copy_run(from + x_at, n, to + at);
      }
    });
  });
  return record<ExpandNode>(kOp, out, {x});
}

Tensor expand(const Tensor& x, std::initializer_list<int64_t> dims) {
  check_defined("expand", x);
  BlockVector<int64_t> sizes(dims);
  const auto rank = static_cast<int64_t>(sizes.size());
  for (int64_t i = 0; i < rank; ++i) {
    int64_t& size = sizes[static_cast<size_t>(i)];
    if (size != -1) continue;
    const int64_t of_x = i - (rank - x.rank());
    if (of_x < 0) {
      fail<ShapeError>("expand", "the size of a new dimension must be given",
                       fmt::format("[{}] for {}", fmt::join(dims, ", "), x.shape().to_string()));
    }
    size = x.shape()[static_cast<int>(of_x)];
  }
  return expand(x, Shape(sizes));
}

Tensor repeat(const Tensor& x, std::span<const int64_t> repeats) {
  constexpr const char* kOp = "repeat";
  struct RepeatNode final : Node {
    Input x{*this};
    BlockVector<int64_t> repeats;
    explicit RepeatNode(std::span<const int64_t> repeats_) : repeats(repeats_.begin(), repeats_.end()) {}

    Gradients backward(const Tensor& grad) override {
      Tensor dx = grad;
      const int extra = grad.rank() - x.shape().rank();
      for (int dim = 0; dim < grad.rank(); ++dim) {
        const int64_t times = repeats[static_cast<size_t>(dim)];
        if (times == 1) continue;
        const int64_t size = dim < extra ? 1 : x.shape()[dim - extra];
        const Axis axis = axis_of(dx.shape(), dim);
        dx = sum_to(dx.alias({axis.outer, times, size * axis.inner}), {axis.outer, 1, size * axis.inner})
                 .alias(with_size(dx.shape(), dim, size));
      }
      return {dx.alias(x.shape())};
    }
  };

  check_defined(kOp, x);
  const auto rank = static_cast<int>(repeats.size());
  if (rank < x.rank() || std::ranges::any_of(repeats, [](int64_t times) { return times < 0; })) {
    fail<ShapeError>(kOp, fmt::format("there must be {} numbers or more, none below 0", x.rank()),
                     fmt::format("[{}] for {}", fmt::join(repeats, ", "), x.shape().to_string()));
  }
  BlockVector<int64_t> sizes(repeats.size() - static_cast<size_t>(x.rank()), 1);
  sizes.insert(sizes.end(), x.shape().begin(), x.shape().end());
  Tensor out = x.alias(Shape(sizes));
  // The last dimension first: the small copies come before the large ones.
  for (int dim = rank - 1; dim >= 0; --dim) {
    const int64_t times = repeats[static_cast<size_t>(dim)];
    if (times == 1) continue;
    const Axis axis = axis_of(out.shape(), dim);
    const Shape longer = with_size(out.shape(), dim, Shape{axis.size, times}.numel());
    const int64_t run = axis.size * axis.inner;
    out = expand(out.alias({axis.outer, 1, run}), Shape{axis.outer, times, run}).alias(longer);
  }
  return record<RepeatNode>(kOp, out.shares_storage_with(x) ? out.clone() : out, {x}, repeats);
}

}  // namespace gossamer
