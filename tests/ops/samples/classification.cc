// Embedding, softmax, cross entropy.
#include <cmath>
#include <cstdint>
#include <vector>

#include "gossamer/ops.h"
#include "tests/ops/samples/sample.h"
#include "tests/support/tensors.h"

namespace gossamer::samples {

std::vector<OpSample> classification() {
  const Tensor targets = Tensor::from<int64_t>({2, 0, 3, 2}, {4});
  std::vector<int64_t> many_targets(500);
  for (size_t i = 0; i < many_targets.size(); ++i) many_targets[i] = static_cast<int64_t>(i % 37);
  const Tensor weight = uniform({5}, 9, DType::f64, 0.2, 2);
  const auto entropy = [=](CrossEntropyOptions options) {
    return [=](Inputs x) { return cross_entropy(x[0], targets, options); };
  };
  const std::vector<Tensor> logits{uniform({4, 5}, 1, DType::f64, -3, 3)};
  const Tensor rows = Tensor::from<int64_t>({2, 0, 3, 2}, {2, 2});
  return {
      {"embedding", "", [=](Inputs x) { return embedding(rows, x[0]); }, {uniform({4, 3}, 1)}},
      {"embedding",
       "large",
       [=](Inputs x) { return embedding(Tensor::from(many_targets, {500}), x[0]); },
       {},
       {large({37, 100}, 1)}},
      {"embedding",
       "of_one",
       [](Inputs x) { return embedding(Tensor::zeros({1}, DType::i64), x[0]); },
       {uniform({1, 1}, 1)}},
      {"embedding",
       "nothing",
       [](Inputs x) {
         return embedding(Tensor::zeros({0, 2}, DType::i64), x[0]);
       },
       {uniform({3, 2}, 1)}},
      {"softmax", "", [](Inputs x) { return softmax(x[0]); }, logits, {large({500, 37}, 1)}},
      {"softmax",
       "middle",
       [](Inputs x) { return softmax(x[0], 1); },
       {uniform({2, 3, 4}, 1)},
       {large({30, 37, 50}, 1)}},
      {"softmax",
       "columns",
       [](Inputs x) { return softmax(x[0], 1); },
       {uniform({2, 2, 17}, 1)},
       {large({3, 37, 1100}, 1)}},
      {"softmax",
       "few_columns",
       [](Inputs x) { return softmax(x[0], 1); },
       {uniform({2, 1, 3}, 1)},
       {large({300, 37, 5}, 1)}},
      {"softmax", "of_nothing", [](Inputs x) { return softmax(x[0], 1); }, {uniform({2, 0, 3}, 1)}},
      {"log_softmax",
       "columns",
       [](Inputs x) { return log_softmax(x[0], 0); },
       {uniform({2, 17}, 1)},
       {large({37, 3000}, 1)}},
      {"log_softmax", "of_nothing", [](Inputs x) { return log_softmax(x[0]); }, {uniform({2, 0}, 1)}},
      {"log_softmax", "", [](Inputs x) { return log_softmax(x[0]); }, logits, {large({500, 37}, 1)}},
      {"log_softmax", "first", [](Inputs x) { return log_softmax(x[0], 0); }, {uniform({3, 4}, 1)}},
      {"cross_entropy", "", entropy({}), logits},
      {"cross_entropy",
       "large",
       [=](Inputs x) { return cross_entropy(x[0], Tensor::from(many_targets, {500})); },
       {},
       {large({500, 37}, 1)}},
      {"cross_entropy", "sum", entropy({.reduction = Reduction::Sum}), logits},
      {"cross_entropy", "none", entropy({.reduction = Reduction::None}), logits},
      {"cross_entropy", "ignoring", entropy({.ignore_index = 2}), logits},
      {"cross_entropy", "smoothed", entropy({.label_smoothing = 0.3}), logits},
      {"cross_entropy", "weighted", entropy({.weight = weight}), logits},
      {"cross_entropy", "with_everything",
       entropy({.reduction = Reduction::None, .label_smoothing = 0.2, .ignore_index = 0, .weight = weight}), logits},
  };
}

std::vector<BadInput> bad_classification() {
  using enum Thrown;
  const double nan = std::nan("");
  return {
      {"cross_entropy", "rank", Shape, [] { return cross_entropy(f32(3), i64(3)); }},
      {"cross_entropy", "targets", Shape, [] { return cross_entropy(f32(2, 3), i64(3)); }},
      {"cross_entropy", "out_of_range", Index, [] { return cross_entropy(f32(2, 1), i64(2)); }},
      {"cross_entropy", "smoothing", Config, [] { return cross_entropy(f32(1, 2), i64(1), {.label_smoothing = 2}); }},
      {"cross_entropy", "weight", Shape, [] { return cross_entropy(f32(1, 2), i64(1), {.weight = f32(3)}); }},
      {"cross_entropy", "targets_of_positions", Shape, [] { return cross_entropy(f32(2, 3, 4), i64(2)); }},
      {"cross_entropy", "floating_targets", DType, [] { return cross_entropy(f32(2, 3), f32(2)); }},
      {"cross_entropy", "probabilities_dtype", DType, [] { return cross_entropy(f32(2, 3), f64(2, 3)); }},
      {"nll_loss", "rank", Shape, [] { return nll_loss(f32(3), i64(3)); }},
      {"nll_loss", "targets", Shape, [] { return nll_loss(f32(2, 3, 4), i64(2, 3)); }},
      {"nll_loss", "floating_targets", DType, [] { return nll_loss(f32(2, 3), f32(2)); }},
      {"nll_loss", "out_of_range", Index, [] { return nll_loss(f32(2, 1), i64(2)); }},
      {"nll_loss", "weight", DType, [] { return nll_loss(f32(2, 3), i64(2), {.weight = f64(3)}); }},
      {"nll_loss", "weight_nan", Config,
       [=] { return nll_loss(f32(2, 3), i64(2), {.weight = Tensor::full({3}, nan)}); }},
      {"embedding", "index", Index, [] { return embedding(i64(2), f32(1, 4)); }},
      {"embedding", "floating_indices", DType, [] { return embedding(f32(2), f32(1, 4)); }},
      {"embedding", "padding", Index, [] { return embedding(i64(2), f32(2, 4), {.padding_idx = 2}); }},
      {"embedding", "table", Shape, [] { return embedding(i64(2), f32(4)); }},
  };
}

}  // namespace gossamer::samples
