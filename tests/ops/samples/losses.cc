// Losses but cross_entropy of class indices, which stands in classification.cc.
#include <cmath>
#include <cstdint>
#include <vector>

#include "gossamer/ops.h"
#include "tests/ops/samples/sample.h"
#include "tests/support/tensors.h"

namespace gossamer::samples {

namespace {

Tensor labels(const Shape& shape, int64_t classes) {
  Tensor t = Tensor::empty(shape, DType::i64);
  int64_t* const to = t.mutable_data<int64_t>();
  for (int64_t i = 0; i < t.numel(); ++i) to[i] = (i * i + 1) % classes;
  return t;
}

// A pair for a loss of elements in five forms: plain with large operands, sum, none, of size one, and of nothing.
template <class Loss, class Options>
void add_rows(std::vector<OpSample>& list, const char* op, Loss loss, Options options, double low, double high,
              double target_low, double target_high) {
  const auto with = [=](Reduction reduction) {
    return [=](Inputs x) {
      Options chosen = options;
      chosen.reduction = reduction;
      return loss(x[0], x[1], chosen);
    };
  };
  const auto pair = [=](const Shape& shape, DType dtype) {
    return std::vector{uniform(shape, 1, dtype, low, high), uniform(shape, 2, dtype, target_low, target_high)};
  };
  const auto mean = with(Reduction::Mean);
  list.push_back({op, "", mean, pair({2, 3}, DType::f64), pair({5, 20001}, DType::f32)});
  list.push_back({op, "sum", with(Reduction::Sum), pair({1, 4, 1}, DType::f64)});
  list.push_back({op, "none", with(Reduction::None), pair({4}, DType::f64), pair({40001}, DType::f32)});
  list.push_back({op, "scalars", with(Reduction::None), pair({}, DType::f64)});
  list.push_back({op, "nothing", with(Reduction::Sum), pair({0, 3}, DType::f64)});
}

}  // namespace

std::vector<OpSample> losses() {
  std::vector<OpSample> list;
  add_rows(list, "mse_loss", mse_loss, LossOptions{}, -2, 2, -2, 2);
  // Targets above every operand, and the other way round: away from the kink.
  add_rows(list, "l1_loss", l1_loss, LossOptions{}, -2, 2, 3, 4);
  add_rows(list, "huber_loss", huber_loss, HuberLossOptions{.delta = 0.7}, -2, 2, -2, 2);
  add_rows(list, "smooth_l1_loss", smooth_l1_loss, SmoothL1LossOptions{.beta = 0.7}, -2, 2, -2, 2);
  add_rows(list, "bce_loss", bce_loss, BceLossOptions{}, 0.05, 0.95, 0, 1);
  add_rows(list, "bce_with_logits", bce_with_logits, BceWithLogitsOptions{}, -4, 4, 0, 1);
  add_rows(list, "kl_div", kl_div, KlDivOptions{}, -4, 0, 0.05, 1);

  const Tensor row = uniform({3}, 5, DType::f64, 0.2, 2);
  const Tensor column = uniform({2, 1}, 6, DType::f64, 0.2, 2);
  const std::vector<Tensor> x_and_target{uniform({2, 3}, 3, DType::f64, -3, 3), uniform({2, 3}, 4, DType::f64, 0, 1)};
  const std::vector<Tensor> p_and_target{uniform({2, 3}, 3, DType::f64, 0.1, 0.9),
                                         uniform({2, 3}, 4, DType::f64, 0, 1)};
  const std::vector<Tensor> logs{uniform({2, 3}, 3, DType::f64, -3, 0), uniform({2, 3}, 4, DType::f64, -3, 0)};
  list.insert(
      list.end(),
      {{"smooth_l1_loss", "of_beta_0", [](Inputs x) { return smooth_l1_loss(x[0], x[1], {.beta = 0}); }, logs},
       {"bce_loss", "weighted", [=](Inputs x) { return bce_loss(x[0], x[1], {.weight = row}); }, p_and_target},
       {"bce_with_logits", "weighted",
        [=](Inputs x) { return bce_with_logits(x[0], x[1], {.weight = column, .pos_weight = row}); }, x_and_target},
       {"kl_div", "log_target", [](Inputs x) { return kl_div(x[0], x[1], {.log_target = true}); }, logs}});

  const auto nll = [](const Shape& positions, int64_t classes, NllLossOptions options) {
    const Tensor targets = labels(positions, classes);
    return [=](Inputs x) { return nll_loss(x[0], targets, options); };
  };
  const Tensor weight = uniform({5}, 9, DType::f64, 0.2, 2);
  list.insert(list.end(),
              {{"nll_loss", "", nll({4}, 5, {}), {uniform({4, 5}, 1)}},
               {"nll_loss", "large", nll({500, 70}, 3, {}), {}, {large({500, 3, 70}, 1)}},
               {"nll_loss",
                "positions",
                nll({2, 3}, 5, {.reduction = Reduction::None, .ignore_index = 2, .weight = weight}),
                {uniform({2, 5, 3}, 1)}},
               {"nll_loss", "weighted", nll({2, 1, 2}, 5, {.weight = weight}), {uniform({2, 5, 1, 2}, 1)}},
               {"nll_loss", "nothing", nll({0, 3}, 5, {.reduction = Reduction::Sum}), {uniform({0, 5, 3}, 1)}}});

  const auto entropy = [](const Shape& positions, int64_t classes, CrossEntropyOptions options) {
    const Tensor targets = labels(positions, classes);
    return [=](Inputs x) { return cross_entropy(x[0], targets, options); };
  };
  const auto soft = [](CrossEntropyOptions options) {
    return [=](Inputs x) { return cross_entropy(x[0], x[1], options); };
  };
  const auto shares = [](const Shape& shape, DType dtype) {
    return std::vector{uniform(shape, 1, dtype, -3, 3), uniform(shape, 2, dtype, 0, 1)};
  };
  list.insert(
      list.end(),
      {{"cross_entropy", "positions", entropy({2, 3}, 5, {}), {uniform({2, 5, 3}, 1)}, {}},
       {"cross_entropy", "large_positions", entropy({5, 60, 70}, 7, {}), {}, {large({5, 7, 60, 70}, 1)}},
       {"cross_entropy",
        "positions_with_everything",
        entropy({2, 1, 3}, 5,
                {.reduction = Reduction::None, .label_smoothing = 0.2, .ignore_index = 0, .weight = weight}),
        {uniform({2, 5, 1, 3}, 1)}},
       {"cross_entropy", "one_class", entropy({3}, 1, {}), {uniform({3, 1}, 1)}},
       {"cross_entropy", "nothing", entropy({2, 0}, 5, {.reduction = Reduction::Sum}), {uniform({2, 5, 0}, 1)}},
       {"cross_entropy", "probabilities", soft({}), shares({4, 5}, DType::f64), shares({500, 37}, DType::f32)},
       {"cross_entropy", "probabilities_of_positions", soft({}), shares({2, 5, 3}, DType::f64),
        shares({5, 7, 900}, DType::f32)},
       {"cross_entropy", "probabilities_with_everything",
        soft({.reduction = Reduction::None, .label_smoothing = 0.2, .weight = weight}),
        shares({2, 5, 1, 2}, DType::f64)},
       {"cross_entropy", "probabilities_of_nothing", soft({.reduction = Reduction::Sum}), shares({0, 5}, DType::f64)}});

  const auto cosine = [](int dim) { return [=](Inputs x) { return cosine_similarity(x[0], x[1], {.dim = dim}); }; };
  const Tensor signs = Tensor::from<int64_t>({1, -1, -1}, {3});
  Tensor many_signs = Tensor::full({700}, 1, DType::i64);
  for (int64_t i = 0; i < 700; i += 3) many_signs.mutable_data<int64_t>()[i] = -1;
  list.insert(
      list.end(),
      {{"cosine_similarity", "", cosine(1), shares({3, 4}, DType::f64), shares({700, 90}, DType::f32)},
       {"cosine_similarity", "middle", cosine(-2), shares({2, 3, 2}, DType::f64), shares({20, 30, 90}, DType::f32)},
       {"cosine_similarity", "of_one", cosine(0), shares({3, 1}, DType::f64)},
       {"cosine_similarity", "nothing", cosine(1), shares({0, 3}, DType::f64)},
       {"cosine_similarity", "below_eps", [](Inputs x) { return cosine_similarity(x[0], x[1], {.eps = 3}); },
        shares({3, 2}, DType::f64)},
       {"cosine_embedding_loss", "",
        [=](Inputs x) { return cosine_embedding_loss(x[0], x[1], signs, {.margin = -0.9}); },
        shares({3, 4}, DType::f64)},
       {"cosine_embedding_loss",
        "large",
        [=](Inputs x) { return cosine_embedding_loss(x[0], x[1], many_signs); },
        {},
        shares({700, 90}, DType::f32)},
       {"cosine_embedding_loss", "none",
        [=](Inputs x) {
          return cosine_embedding_loss(x[0], x[1], Tensor::from<int64_t>({1}, {}), {.reduction = Reduction::None});
        },
        shares({5}, DType::f64)}});
  return list;
}

std::vector<BadInput> bad_losses() {
  using enum Thrown;
  const double nan = std::nan("");
  return {
      {"mse_loss", "shapes", Shape, [] { return mse_loss(f32(2, 3), f32(3)); }},
      {"mse_loss", "dtypes", DType, [] { return mse_loss(f32(2), f64(2)); }},
      {"mse_loss", "integers", DType, [] { return mse_loss(i64(2), i64(2)); }},
      {"l1_loss", "shapes", Shape, [] { return l1_loss(f32(2), f32(1)); }},
      {"huber_loss", "shapes", Shape, [] { return huber_loss(f32(2), f32(1)); }},
      {"huber_loss", "delta", Config, [] { return huber_loss(f32(2), f32(2), {.delta = 0}); }},
      {"smooth_l1_loss", "dtypes", DType, [] { return smooth_l1_loss(f32(2), i64(2)); }},
      {"smooth_l1_loss", "beta", Config, [] { return smooth_l1_loss(f32(2), f32(2), {.beta = -1}); }},
      {"bce_loss", "shapes", Shape, [] { return bce_loss(f32(2), f32(1)); }},
      {"bce_loss", "weight", Shape, [] { return bce_loss(f32(2), f32(2), {.weight = f32(3, 2)}); }},
      {"bce_with_logits", "dtypes", DType, [] { return bce_with_logits(f32(2), f64(2)); }},
      {"bce_with_logits", "weight", DType, [] { return bce_with_logits(f32(2), f32(2), {.weight = f64(2)}); }},
      {"bce_with_logits", "pos_weight", Shape, [] { return bce_with_logits(f32(2), f32(2), {.pos_weight = f32(3)}); }},
      {"kl_div", "shapes", Shape, [] { return kl_div(f32(2), f32(2, 1)); }},
      {"cosine_similarity", "shapes", Shape, [] { return cosine_similarity(f32(2, 3), f32(2, 4)); }},
      {"cosine_similarity", "axis", Shape, [] { return cosine_similarity(f32(2), f32(2)); }},
      {"cosine_similarity", "eps", Config, [=] { return cosine_similarity(f32(2, 2), f32(2, 2), {.eps = nan}); }},
      {"cosine_embedding_loss", "scalars", Shape, [] { return cosine_embedding_loss(f32(), f32(), i64()); }},
      {"cosine_embedding_loss", "targets", Shape, [] { return cosine_embedding_loss(f32(2, 3), f32(2, 3), i64(3)); }},
      {"cosine_embedding_loss", "target", Index,
       [] { return cosine_embedding_loss(f32(2, 3), f32(2, 3), Tensor::zeros({2}, DType::i64)); }},
      {"cosine_embedding_loss", "floating_targets", DType,
       [] { return cosine_embedding_loss(f32(2, 3), f32(2, 3), f32(2)); }},
      {"cosine_embedding_loss", "margin", Config,
       [] { return cosine_embedding_loss(f32(2, 3), f32(2, 3), i64(2), {.margin = 2}); }},
  };
}

}  // namespace gossamer::samples
