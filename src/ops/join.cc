// Tensors put together and taken apart.
#include "gossamer/ops/join.h"
#include "gossamer/block_allocator.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/dispatch.h"
#include "gossamer/ops/shape.h"
#include "ops/check.h"
#include "ops/lines.h"
#include "ops/parts.h"
#include "runtime/check.h"

namespace gossamer {

namespace {

constexpr const char* kConcat = "concat";

struct ConcatNode final : Node {
  int dim;
  BlockVector<int64_t> sizes;
  ConcatNode(int dim_, BlockVector<int64_t> sizes_) : dim(dim_), sizes(std::move(sizes_)) {}

  Gradients backward(const Tensor& grad) override {
    Gradients grads(sizes.size());
    int64_t begin = 0;
    for (size_t i = 0; i < sizes.size(); ++i) {
      if (needs_grad(i)) grads[i] = part_of(kConcat, grad, dim, begin, sizes[i]);
      begin += sizes[i];
    }
    return grads;
  }
};

void check_joins(const Tensor& first, const Tensor& other, int dim) {
  check_same_dtype(kConcat, first, other);
  const bool same_rank = first.rank() == other.rank();
  if (!same_rank || with_size(other.shape(), dim, first.shape()[dim]) != first.shape()) {
    fail<ShapeError>(kConcat, fmt::format("all sizes but that of dimension {} must be equal", dim),
                     fmt::format("{} and {}", first.shape().to_string(), other.shape().to_string()));
  }
}

}  // namespace

Tensor concat(std::span<const Tensor> tensors, int dim) {
  if (tensors.empty()) fail<ShapeError>(kConcat, "there must be a tensor", "none");
  const Tensor& first = tensors[0];
  check_defined(kConcat, first);
  const int at = normalize_dim(kConcat, first.shape(), dim);
  BlockVector<int64_t> sizes;
  int64_t total = 0;
  for (const Tensor& x : tensors) {
    check_joins(first, x, at);
    sizes.push_back(x.shape()[at]);
    if (sizes.back() > std::numeric_limits<int64_t>::max() - total) {
      fail<ShapeError>(kConcat, "the sizes must add up to 63 bits", x.shape().to_string());
    }
    total += sizes.back();
  }
  Tensor out = Tensor::empty(with_size(first.shape(), at, total), first.dtype());
  const Axis axis = axis_of(out.shape(), at);
  dispatch_all(out.dtype(), [&]<class T>() {
    T* to = out.mutable_data<T>();
    for (size_t i = 0; i < tensors.size(); ++i) {
      const T* const from = tensors[i].data<T>();
      const int64_t n = sizes[i] * axis.inner;
      parallel_lines(axis.outer, n, 1, [&](int64_t outer, int64_t begin, int64_t end) {
        copy_run(from + outer * n + begin, end - begin, to + outer * total * axis.inner + begin);
      });
      to += n;
    }
  });
  return record<ConcatNode>(kConcat, out, tensors, at, std::move(sizes));
}

Tensor stack(std::span<const Tensor> tensors, int dim) {
  constexpr const char* kOp = "stack";
  if (tensors.empty()) fail<ShapeError>(kOp, "there must be a tensor", "none");
  for (const Tensor& x : tensors) {
    check_same_dtype(kOp, tensors[0], x);
    if (x.shape() == tensors[0].shape()) continue;
    fail<ShapeError>(kOp, "all shapes must be equal",
                     fmt::format("{} and {}", tensors[0].shape().to_string(), x.shape().to_string()));
  }
  const int at = normalize_new_dim(kOp, tensors[0].shape(), dim);
  std::vector<Tensor> lines;
  for (const Tensor& x : tensors) lines.push_back(unsqueeze(x, at));
  return concat(lines, at);
}

namespace {

std::vector<Tensor> parts(const char* op, const Tensor& x, int dim, std::span<const int64_t> sizes) {
  std::vector<Tensor> list;
  int64_t begin = 0;
  for (const int64_t size : sizes) {
    list.push_back(part_of(op, x, dim, begin, size));
    begin += size;
  }
  return list;
}

// Of an empty dimension: one empty part.
BlockVector<int64_t> equal_sizes(int64_t total, int64_t size) {
  BlockVector<int64_t> sizes;
  int64_t left = total;
  do {
    sizes.push_back(std::min(size, left));
    left -= sizes.back();
  } while (left > 0);
  return sizes;
}

}  // namespace

std::vector<Tensor> split(const Tensor& x, int64_t size, int dim) {
  constexpr const char* kOp = "split";
  check_defined(kOp, x);
  const int at = normalize_dim(kOp, x.shape(), dim);
  if (size < 1) fail<ConfigError>(kOp, "size must be at least 1", fmt::format("{}", size));
  return parts(kOp, x, at, equal_sizes(x.shape()[at], size));
}

std::vector<Tensor> split(const Tensor& x, std::span<const int64_t> sizes, int dim) {
  constexpr const char* kOp = "split";
  check_defined(kOp, x);
  const int at = normalize_dim(kOp, x.shape(), dim);
  int64_t left = x.shape()[at];
  const bool fit = std::ranges::all_of(sizes, [&](int64_t size) {
    left -= size >= 0 && size <= left ? size : left + 1;
    return left >= 0;
  });
  if (!fit || left != 0) {
    fail<ShapeError>(kOp, fmt::format("sizes must add up to {}", x.shape()[at]),
                     fmt::format("[{}] of dimension {} of {}", fmt::join(sizes, ", "), at, x.shape().to_string()));
  }
  return parts(kOp, x, at, sizes);
}

std::vector<Tensor> chunk(const Tensor& x, int64_t chunks, int dim) {
  constexpr const char* kOp = "chunk";
  check_defined(kOp, x);
  const int at = normalize_dim(kOp, x.shape(), dim);
  if (chunks < 1) fail<ConfigError>(kOp, "chunks must be at least 1", fmt::format("{}", chunks));
  const int64_t total = x.shape()[at];
  if (total == 0) return parts(kOp, x, at, BlockVector<int64_t>(static_cast<size_t>(chunks), 0));
  return parts(kOp, x, at, equal_sizes(total, (total - 1) / chunks + 1));
}

}  // namespace gossamer
