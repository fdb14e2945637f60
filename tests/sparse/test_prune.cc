// One-shot pruning: scores, scopes, SNIP and Wanda against their definitions.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/functional.h"
#include "gossamer/ops.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/sparse/distribution.h"
#include "gossamer/sparse/prune.h"
#include "gossamer/sparse/static.h"
#include "gossamer/sparse/wanda.h"
#include "tests/sparse/support.h"
#include "tests/support/golden.h"

namespace gossamer::sparse::test_prune {
namespace {

using golden::expect_close;
using golden::expect_equal;
using test::contains;
using test::dense_parameter;
using test::LogCapture;
using test::mask_string;
using test::random_csr;
using test::select;
using test::set_dense_gradient;
using test::uniform;

using Parameters = std::vector<Parameter>;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// A connection as the definitions rank it: best first.
struct Ranked {
  double score;
  size_t parameter;
  int64_t position;
  bool operator<(const Ranked& other) const {
    if (score != other.score) return score > other.score;
    return std::pair(parameter, position) < std::pair(other.parameter, other.position);
  }
};

// Masks that keep the k best of all connections, from dense scores; NaN is last.
std::vector<std::string> best_of_all(const Parameters& parameters, const std::vector<Tensor>& scores, int64_t k) {
  std::vector<Ranked> all;
  std::vector<std::string> masks;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const std::string alive = mask_string(parameters[i]);
    const Tensor s = scores[i].to(DType::f64);
    for (int64_t at = 0; at < s.numel(); ++at) {
      if (alive[static_cast<size_t>(at)] == '0') continue;
      const double score = s.data<double>()[at];
      all.push_back({std::isnan(score) ? -1 : score, i, at});
    }
    masks.emplace_back(alive.size(), '0');
  }
  std::ranges::sort(all, std::less<>());
  for (size_t i = 0; i < std::min(all.size(), static_cast<size_t>(k)); ++i) {
    masks[all[i].parameter][static_cast<size_t>(all[i].position)] = '1';
  }
  return masks;
}

// Values from -3 to 3: many ties of both signs; some NaN.
Parameter tied(const std::string& name, const Shape& shape, uint64_t key, DType dtype = DType::f32) {
  std::vector<double> values;
  for (int64_t i = 0; i < shape.numel(); ++i) {
    const uint64_t bits = random_bits(key, static_cast<uint64_t>(i));
    values.push_back(bits % 13 == 0 ? kNaN : static_cast<double>(bits / 13 % 7) - 3);
  }
  return Parameter(Tensor::from(values, shape).to(dtype), name);
}

Tensor magnitudes(const Parameter& p) {
  std::vector<double> result;
  const Tensor dense = p.dense().to(DType::f64);
  for (const double w : dense.span<double>()) result.push_back(std::abs(w));
  return Tensor::from(result, p.shape());
}

TEST(Prune, GlobalKeepsTheBestOfAllParametersTogetherWithTiesToTheEarlier) {
  uint64_t key = 0;
  for (int round = 0; round < 20; ++round) {
    for (const double sparsity : {0.0, 0.2, 0.5, 0.9, 0.99}) {
      key += 10;
      const Parameters model{tied("a", {7, 9}, key), tied("b", {13}, key + 1, DType::f64),
                             tied("c", {3, 2, 5}, key + 2), random_csr({6, 8}, 0.5, key + 3, DType::f32, "d")};
      std::vector<Tensor> scores;
      int64_t elements = 0;
      for (const Parameter& p : model) {
        scores.push_back(magnitudes(p));
        elements += p.numel();
      }
      const auto expected = best_of_all(model, scores, num_kept(static_cast<float>(sparsity), elements));
      const LogCapture log;  // a parameter may lose all
      prune(model, magnitude_scores, {.sparsity = sparsity, .scope = PruneScope::Global});
      for (size_t i = 0; i < model.size(); ++i) EXPECT_EQ(mask_string(model[i]), expected[i]) << model[i].name();
    }
  }
}

TEST(Prune, LayerByLayerKeepsTheBestOfEach) {
  for (uint64_t key = 100; key < 120; ++key) {
    const Parameters model{tied("a", {7, 9}, key), tied("b", {5, 4}, key + 50)};
    const auto a = best_of_all({model[0]}, {magnitudes(model[0])}, num_kept(0.7F, 63));
    const auto b = best_of_all({model[1]}, {magnitudes(model[1])}, num_kept(0.25F, 20));
    prune(model, magnitude_scores, {.sparsity = {0.7, {{"b", 0.25}}}});
    EXPECT_EQ(mask_string(model[0]), a[0]);
    EXPECT_EQ(mask_string(model[1]), b[0]);
  }
}

TEST(Prune, TakesTheSparsitiesOfADistribution) {
  const Parameters model{dense_parameter("a", {40, 30}, 1), dense_parameter("b", {8, 40}, 2)};
  const auto sparsity = distribute(model, {.sparsity = 0.8});
  prune(model, magnitude_scores, {.sparsity = sparsity});
  for (const Parameter& p : model) {
    EXPECT_EQ(p.nnz(), num_kept(static_cast<float>(sparsity.at(p.name())), p.numel()));
  }
}

TEST(Prune, ByRowKeepsTheBestInputsOfEachOutput) {
  for (uint64_t key = 200; key < 220; ++key) {
    const Parameter p = tied("w", {5, 8}, key);
    const Tensor scores = magnitudes(p);
    std::string expected;
    for (int64_t row = 0; row < 5; ++row) {
      const Parameter alone(slice(p.dense(), row, row + 1), "row");
      expected += best_of_all({alone}, {slice(scores, row, row + 1)}, num_kept(0.6F, 8))[0];
    }
    prune({p}, magnitude_scores, {.sparsity = 0.6, .scope = PruneScope::Row});
    EXPECT_EQ(mask_string(p), expected);
  }
}

TEST(Prune, SurvivorsKeepValuesGradientsAndStatesAndTheDeadStayDead) {
  const Parameter p = random_csr({10, 12}, 0.6, 3);
  optim::SGD optimizer({p}, {.lr = 0.1, .momentum = 0.9});
  set_dense_gradient(p, uniform(p.shape(), 4));
  optimizer.step();
  const Tensor values = p.dense();
  const Tensor gradient = test::densify(p, p.grad());
  const Tensor momentum = test::densify(p, optimizer.state(p)["momentum_buffer"]);
  const std::string before = mask_string(p);
  prune({p}, magnitude_scores, {.sparsity = 0.8});
  EXPECT_EQ(p.nnz(), num_kept(0.8F, 120));
  const std::string after = mask_string(p);
  for (size_t i = 0; i < after.size(); ++i) EXPECT_LE(after[i], before[i]);
  expect_equal(p.dense(), select(values, p.mask()));
  expect_equal(test::densify(p, p.grad()), select(gradient, p.mask()));
  expect_equal(test::densify(p, optimizer.state(p)["momentum_buffer"]), select(momentum, p.mask()));
}

TEST(Prune, LessThanWhatIsDeadChangesNothing) {
  const Parameter p = random_csr({10, 12}, 0.3, 5);
  const std::string before = mask_string(p);
  prune({p}, magnitude_scores, {.sparsity = 0.5});
  EXPECT_EQ(mask_string(p), before);
}

TEST(Prune, APatternIsTheStartOfAnAlgorithm) {
  const Parameter p = dense_parameter("w", {10, 12}, 6);
  prune({p}, magnitude_scores, {.sparsity = 0.75});
  const auto pattern = p.pattern();
  Static algorithm(0.75);
  algorithm.apply({p});
  EXPECT_EQ(p.pattern(), pattern);
}

TEST(Prune, LeavesAParameterWithRequiresDenseAloneAndWarnsAboutAnEmptyOne) {
  const Parameters model{dense_parameter("kept", {4, 4}, 7), dense_parameter("tiny", {1, 2}, 8)};
  model[0].set_requires_dense();
  LogCapture log;
  prune(model, magnitude_scores, {.sparsity = 0.9});
  EXPECT_FALSE(model[0].is_csr());
  EXPECT_EQ(model[1].nnz(), 0);
  ASSERT_EQ(log.messages.size(), 1U);
  EXPECT_TRUE(contains(log.messages[0], "'tiny' without a connection"));
}

TEST(Prune, MistakesAreErrorsThatChangeNothing) {
  const Parameters model{dense_parameter("a", {4, 4}, 9), dense_parameter("b", {4, 4}, 10)};
  const auto scores_of_b = [&](Tensor scores) {
    return [&model, scores](const Parameter& p) { return p == model[1] ? scores : magnitude_scores(p); };
  };
  for (const double s : {-0.1, 1.0, static_cast<double>(kNaN)}) {
    EXPECT_THROW(prune(model, magnitude_scores, {.sparsity = s}), ConfigError);
    EXPECT_THROW(prune(model, magnitude_scores, {.sparsity = {0.5, {{"a", s}}}}), ConfigError);
  }
  const auto strange = [&] { prune(model, magnitude_scores, {.sparsity = {0.5, {{"c", 0.5}}}}); };
  EXPECT_TRUE(contains(message_of<ConfigError>(strange), "'c' is none"));
  EXPECT_THROW(prune(model, magnitude_scores, {.sparsity = Linear{.slope = 0.1}}), ConfigError);
  EXPECT_THROW(prune(model, magnitude_scores, {.sparsity = {{"a", 0.5}}}), ConfigError);  // none for b
  EXPECT_THROW(prune(model, magnitude_scores, {.sparsity = {0.5, {{"a", 0.5}}}, .scope = PruneScope::Global}),
               ConfigError);
  EXPECT_THROW(prune(model, scores_of_b(Tensor::zeros({15})), {.sparsity = 0.5}), ShapeError);
  EXPECT_TRUE(
      contains(message_of<ConfigError>([&] { prune(model, {}, {.sparsity = 0.5}); }), "scores must be callable"));
  EXPECT_THROW(prune(model, scores_of_b({}), {.sparsity = 0.5}), ShapeError);
  EXPECT_THROW(prune(model, scores_of_b(Tensor::zeros({16}, DType::i64)), {.sparsity = 0.5}), DTypeError);
  EXPECT_THROW(prune(model, scores_of_b(Tensor::full({16}, -1)), {.sparsity = 0.5}), ConfigError);
  EXPECT_TRUE(contains(message_of<StateError>([&] { snip(model, 0.5); }), "'a' must have a gradient"));
  for (const Parameter& p : model) EXPECT_FALSE(p.is_csr());
}

// ---- SNIP ----

TEST(Snip, KeepsTheLargestProductsOfWeightAndGradientOfAllParameters) {
  const Parameters model{dense_parameter("a", {6, 10}, 11), dense_parameter("b", {3, 6}, 12)};
  const Tensor x = uniform({20, 10}, 13);
  // Two micro-batches: gradients add up.
  for (const auto& [begin, end] : {std::pair{0, 8}, {8, 20}}) {
    sum(relu(linear(relu(linear(slice(x, begin, end), model[0])), model[1]))).backward();
  }
  std::vector<Tensor> scores;
  for (const Parameter& p : model) {
    std::vector<double> products;
    for (int64_t i = 0; i < p.numel(); ++i) {
      products.push_back(std::abs(p.values().data<float>()[i] * p.grad().data<float>()[i]));
    }
    scores.push_back(Tensor::from(products, p.shape()));
  }
  const auto expected = best_of_all(model, scores, num_kept(0.8F, 78));
  snip(model, 0.8);
  EXPECT_EQ(mask_string(model[0]), expected[0]);
  EXPECT_EQ(mask_string(model[1]), expected[1]);
}

// ---- Wanda ----

TEST(Wanda, RanksTheInputsOfEachOutputByMagnitudeTimesNorm) {
  uint64_t key = 300;
  for (const bool csr : {false, true}) {
    const Parameter w = csr ? random_csr({6, 12}, 0.7, key) : dense_parameter("w", {6, 12}, key);
    InputNorms norms({w});
    const Tensor first = uniform({5, 12}, key + 1);
    const Tensor second = uniform({2, 4, 12}, key + 2);
    linear(first, w);
    linear(second, w);

    std::vector<double> expected_norms(12);
    for (const Tensor& x : {first, second}) {
      for (int64_t i = 0; i < x.numel(); ++i) {
        expected_norms[static_cast<size_t>(i % 12)] += std::pow(static_cast<double>(x.data<float>()[i]), 2);
      }
    }
    std::vector<double> products;
    for (double& norm : expected_norms) norm = std::sqrt(norm);
    for (int64_t i = 0; i < 72; ++i) {
      const double weight = w.dense().data<float>()[i];
      products.push_back(static_cast<float>(std::abs(weight) * expected_norms[static_cast<size_t>(i % 12)]));
    }
    expect_close(norms.norms(w), Tensor::from(expected_norms, {12}), 1e-12, 0);
    const Tensor scores = Tensor::from(products, {6, 12});
    std::string expected;
    for (int64_t row = 0; row < 6; ++row) {
      const Parameter alone = csr ? random_csr({6, 12}, 0.7, key) : Parameter(w.dense(), "w");
      std::string alive = mask_string(alone).substr(static_cast<size_t>(row) * 12, 12);
      std::vector<Ranked> ranked;
      for (int64_t col = 0; col < 12; ++col) {
        if (alive[static_cast<size_t>(col)] == '1') ranked.push_back({scores.data<double>()[row * 12 + col], 0, col});
      }
      std::ranges::sort(ranked, std::less<>());
      std::string mask(12, '0');
      for (size_t i = 0; i < std::min<size_t>(ranked.size(), 6); ++i)
        mask[static_cast<size_t>(ranked[i].position)] = '1';
      expected += mask;
    }
    wanda({w}, norms, 0.5);
    EXPECT_EQ(mask_string(w), expected);
    key += 10;
  }
}

TEST(Wanda, NormsAreGatheredAsLongAsTheObjectLives) {
  const Parameter w = dense_parameter("w", {2, 3}, 400);
  const Tensor x = Tensor::from<float>({3, 0, -2, 4, 0, 0}, {2, 3});
  {
    InputNorms norms({w});
    const InputNorms moved = std::move(norms);
    linear(x, w);
    expect_equal(moved.norms(w), Tensor::from<double>({5, 0, 2}, {3}));
  }
  InputNorms after({w});
  expect_equal(after.norms(w), Tensor::zeros({3}, DType::f64));
  EXPECT_TRUE(contains(message_of<StateError>([&] { after.scores(w); }), "it has met none"));
}

TEST(Wanda, MistakesAreErrors) {
  const Parameter w = dense_parameter("w", {2, 3}, 401);
  EXPECT_TRUE(contains(message_of<ShapeError>([] { InputNorms({dense_parameter("bias", {3}, 1)}); }), "'bias'"));
  const InputNorms norms({w});
  EXPECT_TRUE(contains(message_of<StateError>([&] { norms.norms(dense_parameter("other", {2, 3}, 1)); }), "'other'"));
  EXPECT_THROW(norms.norms({}), StateError);
  EXPECT_THROW(wanda({w}, norms, 0.5), StateError);
  EXPECT_FALSE(w.is_csr());
}

}  // namespace
}  // namespace gossamer::sparse::test_prune
