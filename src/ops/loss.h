// What losses over classes share: how positions lie in a tensor, the check of operands, weights, the reduction.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "gossamer/block_allocator.h"
#include "gossamer/ops/loss.h"
#include "kernels/reduce.h"
#include "ops/check.h"
#include "runtime/parallel.h"

namespace gossamer {

// The classes of a tensor [n, classes, ...], position by position: those of one are `stride()` elements apart.
class ClassLines {
 public:
  explicit ClassLines(const Axis& axis) : axis_(axis) {}

  int64_t count() const { return axis_.outer * axis_.inner; }
  int64_t classes() const { return axis_.size; }
  int64_t stride() const { return axis_.inner; }
  // Where the first class of a position is.
  int64_t at(int64_t line) const {
    // A division costs as much as the loss of a few classes.
    if (axis_.inner == 1) return line * axis_.size;
    return line / axis_.inner * axis_.size * axis_.inner + line % axis_.inner;
  }

  // The classes of a position next to each other: where they are, or copied to `scratch`.
  template <class T>
  const T* read(const T* data, int64_t line, T* scratch) const {
    const T* const first = data + at(line);
    if (stride() == 1) return first;
    for (int64_t c = 0; c < classes(); ++c) scratch[c] = first[c * stride()];
    return scratch;
  }
  // Where to put what write() then takes to its place.
  template <class T>
  T* target(T* data, int64_t line, T* scratch) const {
    return stride() == 1 ? data + at(line) : scratch;
  }
  template <class T>
  void write(const T* from, int64_t line, T* data) const {
    if (stride() == 1) return;
    T* const first = data + at(line);
    for (int64_t c = 0; c < classes(); ++c) first[c * stride()] = from[c];
  }

  // Positions of one task: an exponential costs about as much as eight loads.
  int64_t grain() const { return rt::grain_of(classes(), 8); }

 private:
  Axis axis_;
};

// Of x [n, classes, ...]. Throw unless x is that and floating, and weight [classes], of its dtype and finite, or
// undefined.
ClassLines check_classes(const char* op, const Tensor& x, const Tensor& weight);
// The shape of x without its classes.
Shape positions_of(const Shape& x);
// Throws unless the targets are i64, one for each position of x, and in [0, classes) or ignore_index.
void check_class_indices(const char* op, const Tensor& x, const Tensor& targets, int64_t ignore_index);

// 1 for each class where `weight` is undefined.
BlockVector<double> class_weights(const Tensor& weight, int64_t classes);
// What the sum of the losses is divided by.
double class_divisor(const BlockVector<double>& weight, std::span<const int64_t> targets, int64_t ignore_index,
                     Reduction reduction);
// The losses of all positions, reduced.
Tensor reduce_losses(const BlockVector<double>& losses, const Shape& positions, Reduction reduction, double divisor,
                     DType dtype);

// log Σ exp(x), in double: a float near 1000 would leave no digits for the difference to a logit. There is one
// class at least.
template <class T>
double log_sum_exp(const T* x, int64_t classes) {
  const auto top = static_cast<double>(kernels::largest(classes, x));
  return top + std::log(kernels::sum_exp_minus(classes, x, top));
}

// cross_entropy of checked logits with probabilities as targets, of their shape.
Tensor cross_entropy_of_probabilities(const Tensor& logits, const Tensor& targets, const CrossEntropyOptions& options);

}  // namespace gossamer
