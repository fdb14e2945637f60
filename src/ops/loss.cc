#include "ops/loss.h"
#include "gossamer/block_allocator.h"

#include <fmt/format.h>

#include <numeric>
#include <span>

#include "runtime/check.h"
#include "tensor/arith.h"

namespace gossamer {

ClassLines check_classes(const char* op, const Tensor& x, const Tensor& weight) {
  check_floating(op, x);
  if (x.rank() < 2) fail<ShapeError>(op, "the first operand must be [n, classes, ...]", x.shape().to_string());
  if (weight.defined()) {
    check_same_floating(op, x, weight);
    if (weight.shape() != Shape({x.dim(1)})) {
      fail<ShapeError>(op, fmt::format("weight must be [{}], one per class", x.dim(1)), weight.shape().to_string());
    }
    if (!all_finite(weight)) fail<ConfigError>(op, "weight must be finite", "NaN or an infinity");
  }
  return ClassLines(axis_of(x.shape(), 1));
}

Shape positions_of(const Shape& x) {
  BlockVector<int64_t> sizes(x.begin(), x.end());
  sizes.erase(sizes.begin() + 1);
  return Shape(sizes);
}

void check_class_indices(const char* op, const Tensor& x, const Tensor& targets, int64_t ignore_index) {
  check_defined(op, targets);
  if (targets.dtype() != DType::i64) {
    fail<DTypeError>(op, "targets must be i64 class indices", describe(targets), "convert with .to(DType::i64)");
  }
  if (const Shape positions = positions_of(x.shape()); targets.shape() != positions) {
    const bool classes_last =
        x.rank() == 3 && targets.rank() == 2 && targets.dim(0) == x.dim(0) && targets.dim(1) == x.dim(1);
    fail<ShapeError>(op, fmt::format("targets must be {} for {}", positions.to_string(), x.shape().to_string()),
                     targets.shape().to_string(),
                     classes_last ? "classes are dimension 1: of [n, t, classes] and [n, t] give "
                                    "flatten(x, {.end_dim = 1}) and flatten(targets)"
                                  : "");
  }
  const int64_t classes = x.dim(1);
  const std::span<const int64_t> all = targets.span<int64_t>();
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i] != ignore_index && (all[i] < 0 || all[i] >= classes)) {
      fail<IndexError>(op, fmt::format("targets must be in [0, {}) or ignore_index {}", classes, ignore_index),
                       fmt::format("row {} has {}", i, all[i]));
    }
  }
}

BlockVector<double> class_weights(const Tensor& weight, int64_t classes) {
  if (!weight.defined()) return BlockVector<double>(static_cast<size_t>(classes), 1);
  const Tensor wide = weight.to(DType::f64);
  return {wide.data<double>(), wide.data<double>() + classes};
}

double class_divisor(const BlockVector<double>& weight, std::span<const int64_t> targets, int64_t ignore_index,
                     Reduction reduction) {
  if (reduction != Reduction::Mean) return 1;
  double sum = 0;
  for (const int64_t target : targets) {
    if (target != ignore_index) sum += weight[static_cast<size_t>(target)];
  }
  return sum;
}

Tensor reduce_losses(const BlockVector<double>& losses, const Shape& positions, Reduction reduction, double divisor,
                     DType dtype) {
  if (reduction == Reduction::None) return Tensor::from(std::span(losses), positions).to(dtype);
  return Tensor::full({}, std::accumulate(losses.begin(), losses.end(), 0.0) / divisor, dtype);
}

}  // namespace gossamer
