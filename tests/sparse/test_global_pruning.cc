// Global pruning: one budget for all parameters, in both directions, by any score.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/sparse/global_pruning.h"
#include "tests/sparse/support.h"
#include "tests/support/golden.h"

namespace gossamer::sparse::test_global_pruning {
namespace {

using golden::expect_equal;
using test::contains;
using test::dense_parameter;
using test::mask_string;
using test::select;
using test::set_dense_gradient;
using test::uniform;

using Parameters = std::vector<Parameter>;

Parameters two_layers(uint64_t key) {
  return {dense_parameter("a", {6, 10}, key), Parameter(uniform({3, 6}, key + 1, DType::f64), "b")};
}

void give_gradients(const Parameters& parameters, uint64_t key) {
  for (const Parameter& p : parameters) set_dense_gradient(p, uniform(p.shape(), key++, p.dtype()));
}

// Masks of the k best among what is alive, then of the absent in order where there are fewer: by sorting.
std::vector<std::string> specified(const Parameters& parameters, const std::vector<Tensor>& scores, int64_t k) {
  struct Candidate {
    bool dead;
    double score;
    size_t parameter;
    size_t position;
  };
  std::vector<Candidate> all;
  std::vector<std::string> masks;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const std::string alive = mask_string(parameters[i]);
    const Tensor s = scores[i].to(DType::f64);
    for (size_t at = 0; at < alive.size(); ++at) {
      const bool dead = alive[at] == '0';
      all.push_back({dead, dead ? 0 : s.data<double>()[at], i, at});
    }
    masks.emplace_back(alive.size(), '0');
  }
  std::ranges::stable_sort(all, [](const Candidate& x, const Candidate& y) {
    return std::pair(x.dead, -x.score) < std::pair(y.dead, -y.score);
  });
  for (size_t i = 0; i < static_cast<size_t>(k); ++i) masks[all[i].parameter][all[i].position] = '1';
  return masks;
}

std::vector<Tensor> products(const Parameters& parameters, bool with_gradient) {
  std::vector<Tensor> scores;
  for (const Parameter& p : parameters) {
    const Tensor w = p.dense().to(DType::f64);
    const Tensor g = with_gradient ? test::densify(p, p.grad()).to(DType::f64) : Tensor::ones(p.shape(), DType::f64);
    std::vector<double> product;
    for (int64_t i = 0; i < p.numel(); ++i) {
      const double exact = std::abs(w.data<double>()[i] * g.data<double>()[i]);
      product.push_back(p.dtype() == DType::f32 ? static_cast<double>(static_cast<float>(exact)) : exact);
    }
    scores.push_back(Tensor::from(product, p.shape()));
  }
  return scores;
}

TEST(GlobalPruning, KeepsTheBestOfAllParametersAtEverySparsityUpAndDown) {
  const std::vector<double> sparsities{0.3, 0.8, 0.5, 0.0, 0.9, 0.95};
  for (const bool saliency : {false, true}) {
    const Parameters model = two_layers(1);
    GlobalPruning algorithm({.sparsity = Lambda{[&](int64_t step) { return sparsities[static_cast<size_t>(step)]; }},
                             .scores = saliency ? saliency_scores : magnitude_scores});
    algorithm.apply(model);
    for (size_t step = 1; step < sparsities.size(); ++step) {
      SCOPED_TRACE(testing::Message() << "saliency " << saliency << ", step " << step);
      give_gradients(model, 10 * step);
      const auto target = num_kept(static_cast<float>(sparsities[step]), 78);
      const auto expected = specified(model, products(model, saliency), target);
      algorithm.update();
      EXPECT_EQ(model[0].nnz() + model[1].nnz(), target);
      EXPECT_EQ(mask_string(model[0]), expected[0]);
      EXPECT_EQ(mask_string(model[1]), expected[1]);
    }
  }
}

TEST(GlobalPruning, FromADenseStartOneUpdatePrunesAtOnce) {
  const Parameters model = two_layers(20);
  GlobalPruning algorithm({.sparsity = 0.75, .update = {.steps = std::vector<int64_t>{2}}});
  algorithm.apply(model);
  const auto expected = specified(model, products(model, false), num_kept(0.75F, 78));
  for (int step = 1; step <= 3; ++step) {
    EXPECT_EQ(model[0].nnz() == 60, step <= 2);
    give_gradients(model, 21);
    algorithm.update();
  }
  EXPECT_EQ(mask_string(model[0]), expected[0]);
  EXPECT_EQ(mask_string(model[1]), expected[1]);
}

TEST(GlobalPruning, SurvivorsKeepValuesAndStates) {
  const Parameters model = two_layers(30);
  optim::SGD optimizer(model, {.lr = 0.1, .momentum = 0.9});
  GlobalPruning algorithm({.sparsity = Linear{.slope = 0.5}});
  algorithm.apply(model);
  optimizer.apply(algorithm);
  algorithm.set_autoupdate(false);
  give_gradients(model, 31);
  optimizer.step();
  std::vector<Tensor> values;
  std::vector<Tensor> momenta;
  for (const Parameter& p : model) {
    values.push_back(p.dense());
    momenta.push_back(test::densify(p, optimizer.state(p)["momentum_buffer"]));
  }
  algorithm.update(&optimizer);
  for (size_t i = 0; i < model.size(); ++i) {
    EXPECT_LT(model[i].nnz(), model[i].numel());
    expect_equal(model[i].dense(), select(values[i], model[i].mask()));
    expect_equal(test::densify(model[i], optimizer.state(model[i])["momentum_buffer"]),
                 select(momenta[i], model[i].mask()));
  }
}

TEST(GlobalPruning, AParameterWithoutAGradientTakesNoPart) {
  const Parameters model = two_layers(40);
  GlobalPruning algorithm({.sparsity = Linear{.slope = 0.5}});
  algorithm.apply(model);
  set_dense_gradient(model[1], uniform(model[1].shape(), 41, DType::f64));
  algorithm.update();
  EXPECT_EQ(model[0].nnz(), 60);
  EXPECT_EQ(model[1].nnz(), 9);
}

TEST(GlobalPruning, MistakesAreConfigErrorsThatChangeNothing) {
  EXPECT_THROW(GlobalPruning({.sparsity = 1.0}), ConfigError);
  EXPECT_THROW(GlobalPruning({.scores = {}}), ConfigError);
  const Parameters model = two_layers(50);
  GlobalPruning algorithm({.sparsity = Linear{.slope = 0.5}, .scores = [](const Parameter& p) { return p.values(); }});
  algorithm.apply(model);
  give_gradients(model, 51);
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { algorithm.update(); }), "scores of 'a' must be at least 0"));
  EXPECT_EQ(model[0].nnz() + model[1].nnz(), 78);
}

}  // namespace
}  // namespace gossamer::sparse::test_global_pruning
