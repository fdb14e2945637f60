// Sums, means, products and extremes over any set of dimensions.
#include "gossamer/ops/reduce.h"
#include "gossamer/block_allocator.h"

#include <fmt/format.h>

#include <cstdint>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/ops/elementwise.h"
#include "ops/broadcast.h"
#include "ops/check.h"
#include "ops/elementwise.h"
#include "ops/fold.h"
#include "ops/reduce.h"
#include "runtime/check.h"

namespace gossamer {

using kernels::Binary;

Shape reduced_shape(const Shape& shape, const Dims& dims, bool keepdim) {
  BlockVector<int64_t> sizes;
  for (int i = 0; i < shape.rank(); ++i) {
    const bool reduced = dims[static_cast<size_t>(i)];
    if (!reduced) sizes.push_back(shape[i]);
    if (reduced && keepdim) sizes.push_back(1);
  }
  return Shape(sizes);
}

Dims checked_dims(const char* op, const Shape& shape, const std::vector<int>& dims) {
  if (!dims.empty()) return set_of_dims(op, shape, dims);
  Dims all;
  for (int i = 0; i < shape.rank(); ++i) all.set(static_cast<size_t>(i));
  return all;
}

int64_t nonzero_count(const char* op, const Shape& shape, const Dims& dims) {
  const int64_t count = reduced_shape(shape, ~dims, false).numel();
  if (count == 0) fail<ShapeError>(op, "there must be elements to reduce", shape.to_string());
  return count;
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  Dims stretched;
  const int extra = x.rank() - shape.rank();
  for (int i = 0; i < x.rank(); ++i) {
    if (i < extra || (shape[i - extra] == 1 && x.shape()[i] != 1)) stretched.set(static_cast<size_t>(i));
  }
  return fold(x, stretched, folding::Sum{}).alias(shape);
}

namespace {

// The sum divided by `count`.
Tensor divided_sum(const char* op, const Tensor& x, const Dims& dims, bool keepdim, int64_t count) {
  struct SumNode final : Node {
    Input x{*this};
    Shape kept;
    double count;
    SumNode(const Shape& kept_, double count_) : kept(kept_), count(count_) {}

    Gradients backward(const Tensor& grad) override {
      const Tensor share = count == 1 ? grad : zip_scalar(Binary::Div, grad, count);
      return {expand(share.alias(kept), x.shape())};
    }
  };

  const auto divisor = static_cast<double>(count);
  Tensor total = fold(x, dims, folding::Sum{});
  if (count != 1) total = zip_scalar(Binary::Div, total, divisor);
  return record<SumNode>(op, total.alias(reduced_shape(x.shape(), dims, keepdim)), {x}, total.shape(), divisor);
}

// The largest or the smallest element, by Combine.
template <class Combine>
Tensor extreme(const char* op, const Tensor& x, const ReduceOptions& options) {
  struct ExtremeNode final : Node {
    const char* op;
    Input x{*this, {&x}};
    SavedTensor peak;
    Dims dims;
    ExtremeNode(const char* op_, const Tensor& peak_, const Dims& dims_) : op(op_), peak(*this, peak_), dims(dims_) {}

    Gradients backward(const Tensor& grad) override {
      const Tensor tied = zip(op, Binary::Same, x.value(), peak.get());
      const Tensor share = div(grad.alias(peak.get().shape()), fold(tied, dims, folding::Sum{}));
      return {zip(op, Binary::Where, tied, share)};
    }
  };

  check_floating(op, x);
  const Dims dims = checked_dims(op, x.shape(), options.dims);
  nonzero_count(op, x.shape(), dims);
  const Tensor peak = fold(x, dims, Combine{});
  return record<ExtremeNode>(op, peak.alias(reduced_shape(x.shape(), dims, options.keepdim)), {x}, op, peak, dims);
}

}  // namespace

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

Tensor max(const Tensor& x, const ReduceOptions& options) { return extreme<folding::Max>("max", x, options); }
Tensor min(const Tensor& x, const ReduceOptions& options) { return extreme<folding::Min>("min", x, options); }

Tensor prod(const Tensor& x, const ReduceOptions& options) {
  constexpr const char* kOp = "prod";
  struct ProdNode final : Node {
    Input x{*this, {&x}};
    Dims dims;
    Shape kept;
    ProdNode(const Dims& dims_, const Shape& kept_) : dims(dims_), kept(kept_) {}

    // The product of the other elements is that of the nonzero ones, divided by the element itself where that is one of
    // them, and 0 where another element is 0.
    Gradients backward(const Tensor& grad) override {
      const Tensor is_zero = zip_scalar(Binary::Equal, x.value(), 0);
      const Tensor nonzero = zip(kOp, Binary::Add, x.value(), is_zero);
      const Tensor zeros = fold(is_zero, dims, folding::Sum{});
      const Tensor product = mul(grad.alias(kept), fold(nonzero, dims, folding::Product{}));
      const auto where_zeros = [&](double count) {
        return zip(kOp, Binary::Where, zip_scalar(Binary::Equal, zeros, count), product);
      };
      const Tensor at_zeros = zip(kOp, Binary::Where, is_zero, where_zeros(1));
      const Tensor elsewhere = zip(kOp, Binary::Where, zip_scalar(Binary::Equal, is_zero, 0), where_zeros(0));
      return {add(at_zeros, zip(kOp, Binary::Div, elsewhere, nonzero))};
    }
  };

  check_floating(kOp, x);
  const Dims dims = checked_dims(kOp, x.shape(), options.dims);
  const Tensor product = fold(x, dims, folding::Product{});
  return record<ProdNode>(kOp, product.alias(reduced_shape(x.shape(), dims, options.keepdim)), {x}, dims,
                          product.shape());
}

}  // namespace gossamer
