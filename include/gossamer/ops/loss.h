// Losses.
#pragma once

#include <cstdint>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

enum class Reduction { Mean, Sum, None };

struct CrossEntropyOptions {
  Reduction reduction = Reduction::Mean;  // Mean divides by the (weighted) number of targets that are not ignored
  double label_smoothing = 0;             // in [0, 1]: this share of the target is spread evenly over all classes
  int64_t ignore_index = -100;            // targets with this value count for nothing
  Tensor weight = {};                     // [classes] or undefined: factor of each class, finite
};
// logits [n, classes], targets [n] i64 -> scalar ([n] with Reduction::None). A target outside [0, classes) that is not
// ignore_index throws IndexError naming its row.
[[nodiscard]] Tensor cross_entropy(const Tensor& logits, const Tensor& targets,
                                   const CrossEntropyOptions& options = {});

}  // namespace gossamer
#pragma GCC visibility pop
