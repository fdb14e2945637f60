// Elements moved within a shape, added around it, or cleared in a triangle of it.
#include "gossamer/ops/rearrange.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/dispatch.h"
#include "ops/check.h"
#include "ops/lines.h"
#include "runtime/check.h"

namespace gossamer {

namespace {

Tensor flipped(const Tensor& x, int dim) {
  const Axis axis = axis_of(x.shape(), dim);
  Tensor out = Tensor::empty(x.shape(), x.dtype());
  dispatch_all(x.dtype(), [&]<class T>() {
    const T* const from = x.data<T>();
    T* const to = out.mutable_data<T>();
    parallel_lines(axis.outer, axis.size, axis.inner, [&](int64_t outer, int64_t begin, int64_t end) {
      const T* const last = from + ((outer + 1) * axis.size - 1) * axis.inner;
      T* const line = to + outer * axis.size * axis.inner;
      if (axis.inner == 1) {
        std::reverse_copy(last - (end - 1), last - begin + 1, line + begin);
        return;
      }
      for (int64_t k = begin; k < end; ++k) copy_run(last - k * axis.inner, axis.inner, line + k * axis.inner);
    });
  });
  return out;
}

}  // namespace

Tensor flip(const Tensor& x, std::span<const int> dims) {
  constexpr const char* kOp = "flip";
  struct FlipNode final : Node {
    std::vector<int> dims;
    explicit FlipNode(std::span<const int> dims_) : dims(dims_.begin(), dims_.end()) {}
    Gradients backward(const Tensor& grad) override { return {flip(grad, dims)}; }
  };

  check_defined(kOp, x);
  set_of_dims(kOp, x.shape(), dims);
  Tensor out = dims.empty() ? x.clone() : x.detach();
  for (const int dim : dims) out = flipped(out, normalize_dim(kOp, x.shape(), dim));
  return record<FlipNode>(kOp, out, {x}, dims);
}

Tensor roll(const Tensor& x, int64_t shift, int dim) {
  constexpr const char* kOp = "roll";
  struct RollNode final : Node {
    int64_t shift;
    int dim;
    RollNode(int64_t shift_, int dim_) : shift(shift_), dim(dim_) {}
    Gradients backward(const Tensor& grad) override { return {roll(grad, -shift, dim)}; }
  };

  check_defined(kOp, x);
  const int at = normalize_dim(kOp, x.shape(), dim);
  const Axis axis = axis_of(x.shape(), at);
  const int64_t size = std::max<int64_t>(axis.size, 1);
  const int64_t forward = (shift % size + size) % size;
  Tensor out = Tensor::empty(x.shape(), x.dtype());
  dispatch_all(x.dtype(), [&]<class T>() {
    const T* const from = x.data<T>();
    T* const to = out.mutable_data<T>();
    const int64_t line = axis.size * axis.inner;
    const int64_t wrapped = forward * axis.inner;  // elements that pass the end
    const auto move = [&](int64_t source, int64_t target, int64_t n) {
      parallel_lines(axis.outer, n, 1, [&](int64_t outer, int64_t begin, int64_t end) {
        copy_run(from + outer * line + source + begin, end - begin, to + outer * line + target + begin);
      });
    };
    move(0, wrapped, line - wrapped);
    move(line - wrapped, 0, wrapped);
  });
  return record<RollNode>(kOp, out, {x}, forward, at);
}

namespace {

enum class Triangle { Lower, Upper };

Tensor triangle(const char* op, Triangle part, const Tensor& x, int64_t diagonal) {
  struct TriangleNode final : Node {
    const char* op;
    Triangle part;
    int64_t diagonal;
    TriangleNode(const char* op_, Triangle part_, int64_t diagonal_) : op(op_), part(part_), diagonal(diagonal_) {}
    Gradients backward(const Tensor& grad) override { return {triangle(op, part, grad, diagonal)}; }
  };

  check_defined(op, x);
  if (x.rank() < 2) fail<ShapeError>(op, "rank must be at least 2", x.shape().to_string());
  const int64_t rows = x.dim(-2);
  const int64_t cols = x.dim(-1);
  const int64_t shift = std::clamp(diagonal, -rows, cols);
  Tensor out = Tensor::empty(x.shape(), x.dtype());
  dispatch_all(x.dtype(), [&]<class T>() {
    const T* const from = x.data<T>();
    T* const to = out.mutable_data<T>();
    parallel_lines(cols == 0 ? 0 : x.numel() / cols, cols, 1, [&](int64_t row, int64_t begin, int64_t end) {
      const int64_t border = row % rows + shift;
      // Columns [begin, middle) are on one side, [middle, end) on the other.
      const int64_t middle = std::clamp(part == Triangle::Lower ? border + 1 : border, begin, end);
      const T* const source = from + row * cols;
      T* const target = to + row * cols;
      if (part == Triangle::Lower) {
        copy_run(source + begin, middle - begin, target + begin);
        std::fill(target + middle, target + end, T(0));
      } else {
        std::fill(target + begin, target + middle, T(0));
        copy_run(source + middle, end - middle, target + middle);
      }
    });
  });
  return record<TriangleNode>(op, out, {x}, op, part, diagonal);
}

}  // namespace

Tensor tril(const Tensor& x, const TriangleOptions& options) {
  return triangle("tril", Triangle::Lower, x, options.diagonal);
}
Tensor triu(const Tensor& x, const TriangleOptions& options) {
  return triangle("triu", Triangle::Upper, x, options.diagonal);
}

}  // namespace gossamer
