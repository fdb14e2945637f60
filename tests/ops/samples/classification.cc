// Embedding, softmax, cross entropy.
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

}  // namespace gossamer::samples
