// Losses. Each computes its elements and their reduction in one pass. With Reduction::Mean and nothing to average the
// result is NaN, as in PyTorch. Elements are added up in double.
#pragma once

#include <cstdint>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

enum class Reduction { Mean, Sum, None };

// ---- Classes ----

struct CrossEntropyOptions {
  Reduction reduction = Reduction::Mean;  // Mean divides by the (weighted) number of targets that are not ignored
  double label_smoothing = 0;             // in [0, 1]: this share of the target is spread evenly over all classes
  int64_t ignore_index = -100;            // targets with this value count for nothing
  Tensor weight = {};                     // [classes] or undefined: factor of each class, finite; takes no gradient
};
// logits [n, classes, ...], targets [n, ...] i64 -> scalar ([n, ...] with Reduction::None). A target outside
// [0, classes) that is not ignore_index throws IndexError naming its position.
//
// Targets of the shape and dtype of the logits are probabilities of the classes instead: the loss of a position is
// -Σ weight[c] target[c] log p[c], where a target of 0 leaves its class out; Mean divides by the number of positions,
// and ignore_index does not apply. They take a gradient too.
[[nodiscard]] Tensor cross_entropy(const Tensor& logits, const Tensor& targets,
                                   const CrossEntropyOptions& options = {});

struct NllLossOptions {
  Reduction reduction = Reduction::Mean;  // Mean divides by the (weighted) number of targets that are not ignored
  int64_t ignore_index = -100;            // targets with this value count for nothing
  Tensor weight = {};                     // [classes] or undefined: factor of each class, finite; takes no gradient
};
// -weight[t] log_p[t]: log_p [n, classes, ...], such as log_softmax(x, 1), and targets [n, ...] i64 -> scalar
// ([n, ...] with Reduction::None). Throws as cross_entropy does.
[[nodiscard]] Tensor nll_loss(const Tensor& log_p, const Tensor& targets, const NllLossOptions& options = {});

// ---- Element by element ----
//
// x and targets of one shape (ShapeError) and floating dtype (DTypeError) -> scalar, or their shape with
// Reduction::None. Both take gradients. Mean divides by the number of elements, whatever their weights.

struct LossOptions {
  Reduction reduction = Reduction::Mean;
};
// (x - target)^2
[[nodiscard]] Tensor mse_loss(const Tensor& x, const Tensor& targets, const LossOptions& options = {});
// |x - target|; the gradient is 0 where they are equal.
[[nodiscard]] Tensor l1_loss(const Tensor& x, const Tensor& targets, const LossOptions& options = {});

struct HuberLossOptions {
  Reduction reduction = Reduction::Mean;
  double delta = 1;  // above 0
};
// With d = x - target: d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2). Huber 1964,
// https://doi.org/10.1214/aoms/1177703732
[[nodiscard]] Tensor huber_loss(const Tensor& x, const Tensor& targets, const HuberLossOptions& options = {});

struct SmoothL1LossOptions {
  Reduction reduction = Reduction::Mean;
  double beta = 1;  // 0 or more
};
// With d = x - target: d^2 / (2 beta) where |d| < beta, else |d| - beta / 2. Girshick 2015,
// https://arxiv.org/abs/1504.08083
[[nodiscard]] Tensor smooth_l1_loss(const Tensor& x, const Tensor& targets, const SmoothL1LossOptions& options = {});

struct BceLossOptions {
  Reduction reduction = Reduction::Mean;
  Tensor weight = {};  // of each element, of a shape that broadcasts to that of x; takes no gradient
};
// -(target log p + (1 - target) log(1 - p)), with logarithms of at least -100 as in PyTorch; NaN for p outside [0, 1].
[[nodiscard]] Tensor bce_loss(const Tensor& p, const Tensor& targets, const BceLossOptions& options = {});

struct BceWithLogitsOptions {
  Reduction reduction = Reduction::Mean;
  Tensor weight = {};      // of each element, of a shape that broadcasts to that of x; takes no gradient
  Tensor pos_weight = {};  // factor of the part of target 1, of a shape that broadcasts to that of x; no gradient
};
// bce_loss of sigmoid(x), which keeps its digits for every x.
[[nodiscard]] Tensor bce_with_logits(const Tensor& x, const Tensor& targets, const BceWithLogitsOptions& options = {});

struct KlDivOptions {
  Reduction reduction = Reduction::Mean;  // PyTorch's "batchmean" is Sum, divided by the number of samples
  bool log_target = false;                // the targets are logarithms
};
// target (log target - log_p), the terms of the Kullback-Leibler divergence; 0 for a target of 0.
[[nodiscard]] Tensor kl_div(const Tensor& log_p, const Tensor& targets, const KlDivOptions& options = {});

// ---- Angles ----

struct CosineSimilarityOptions {
  int dim = 1;        // of the vectors; negative counts from the end
  double eps = 1e-8;  // 0 or more: what a norm counts at least
};
// a b / (max(|a|, eps) max(|b|, eps)) of the vectors along dim: two tensors of one shape -> that shape without dim.
[[nodiscard]] Tensor cosine_similarity(const Tensor& a, const Tensor& b, const CosineSimilarityOptions& options = {});

struct CosineEmbeddingLossOptions {
  Reduction reduction = Reduction::Mean;
  double margin = 0;  // in [-1, 1]
};
// a, b [..., features] of one shape, targets [...] i64 of 1 and -1 (IndexError) -> scalar ([...] with Reduction::None).
// With the cosine c of a and b: 1 - c where the target is 1, max(0, c - margin) where it is -1.
[[nodiscard]] Tensor cosine_embedding_loss(const Tensor& a, const Tensor& b, const Tensor& targets,
                                           const CosineEmbeddingLossOptions& options = {});

}  // namespace gossamer
#pragma GCC visibility pop
