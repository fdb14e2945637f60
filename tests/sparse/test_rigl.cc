// RigL's growth: from which gradient it grows, balanced groups, and how long the factors of the gradient are kept.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/error.h"
#include "gossamer/functional.h"
#include "gossamer/ops.h"
#include "gossamer/optim/clip.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/parameter.h"
#include "gossamer/runtime.h"
#include "gossamer/sparse/rigl.h"
#include "parameter/access.h"
#include "sparse/selection/select.h"
#include "tests/sparse/support.h"
#include "tests/support/golden.h"

namespace gossamer::sparse::test_rigl {
namespace {

using golden::expect_close;
using golden::expect_equal;
using test::contains;
using test::dense_parameter;
using test::mask_string;
using test::positions_of;
using test::random_pattern;
using test::set_dense_gradient;
using test::uniform;

Positions positions(const Parameter& p) { return positions_of(*p.topology()); }

std::vector<int64_t> counts_by_group(const Parameter& p, const Groups& groups) {
  std::vector<int64_t> count(static_cast<size_t>(groups.count()));
  for (const int64_t at : positions(p)) ++count[static_cast<size_t>(groups.of(at / groups.cols, at % groups.cols))];
  return count;
}

// The new pattern as the definition has it, from the whole dense gradient: sorts where the library streams.
Positions specified(const Parameter& p, const Tensor& gradient, const Groups& groups, float sparsity, float drop) {
  const Positions kept =
      largest_magnitudes(*p.topology(), p.values(), groups, num_after_drop(drop, p.nnz(), groups.count()));
  Positions result = kept;
  for (int64_t group = 0; group < groups.count(); ++group) {
    const auto in_group = [&](int64_t at) { return groups.of(at / groups.cols, at % groups.cols) == group; };
    std::vector<std::pair<float, int64_t>> absent;
    for_each_absent(kept, groups.cols, 0, groups.rows, [&](int64_t, int64_t, int64_t at) {
      if (in_group(at)) absent.emplace_back(-std::abs(gradient.data<float>()[at]), at);
    });
    std::ranges::sort(absent);
    const int64_t grow =
        std::max<int64_t>(num_kept(sparsity, groups.size()) - std::ranges::count_if(kept, in_group), 0);
    for (int64_t i = 0; i < grow; ++i) result.push_back(absent[static_cast<size_t>(i)].second);
  }
  std::ranges::sort(result);
  return result;
}

TEST(RigL, GrowsTheLargestAbsentGradientsOfEachGroup) {
  uint64_t key = 0;
  for (const auto& [in_groups, out_groups] : {std::pair{0, 0}, {4, 0}, {0, 3}, {40, 0}, {0, 30}, {1, 0}}) {
    for (const double sparsity : {0.5, 0.9}) {
      SCOPED_TRACE(testing::Message() << in_groups << " in, " << out_groups << " out, " << sparsity);
      const Parameter p = dense_parameter("w", {30, 40}, ++key);
      RigL algorithm({.sparsity = sparsity,
                      .drop_fraction = 0.4,
                      .balance_in_groups = in_groups,
                      .balance_out_groups = out_groups});
      algorithm.apply({p});
      const Groups groups{30, 40, std::max(1, out_groups), std::max(1, in_groups)};
      for (int step = 0; step < 4; ++step) {
        const Tensor gradient = uniform(p.shape(), ++key);
        set_dense_gradient(p, gradient);
        const Positions expected = specified(p, gradient, groups, static_cast<float>(sparsity), 0.4F);
        algorithm.update();
        ASSERT_EQ(positions(p), expected);
        EXPECT_EQ(counts_by_group(p, groups),
                  std::vector<int64_t>(static_cast<size_t>(groups.count()),
                                       num_kept(static_cast<float>(sparsity), groups.size())));
      }
    }
  }
}

TEST(RigL, TheFirstPatternHasEquallyManyConnectionsInEachGroup) {
  for (const std::pair<int, int>& in_out : {std::pair{4, 0}, {0, 3}, {8, 0}, {0, 6}}) {
    const int in_groups = in_out.first;
    const int out_groups = in_out.second;
    const auto first = [&](uint64_t seed) {
      const Parameter p = dense_parameter("w", {6, 8}, 10);
      RigL algorithm({.sparsity = 0.5, .balance_in_groups = in_groups, .balance_out_groups = out_groups, .seed = seed});
      algorithm.apply({p});
      return p;
    };
    const Groups groups{6, 8, std::max(1, out_groups), std::max(1, in_groups)};
    for (uint64_t seed = 0; seed < 20; ++seed) {
      EXPECT_EQ(counts_by_group(first(seed), groups),
                std::vector<int64_t>(static_cast<size_t>(groups.count()), num_kept(0.5F, groups.size())));
    }
    EXPECT_EQ(mask_string(first(1)), mask_string(first(1)));
    EXPECT_NE(mask_string(first(1)), mask_string(first(2)));
    // The groups are drawn apart: the first does not repeat in the second.
    const std::string mask = mask_string(first(3));
    if (out_groups == 3) {
      EXPECT_NE(mask.substr(0, 16), mask.substr(16, 16));
    }
  }
}

TEST(RigL, AnUnbalancedFirstPatternIsBalancedByGrowth) {
  const Parameter p = dense_parameter("w", {4, 6}, 11);
  RigL algorithm(
      {.sparsity = 0.5, .drop_fraction = 0.5, .balance_out_groups = 2, .init_method = [](const InitContext&) {
         return CsrPattern::from_positions(4, 6, Positions{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20});
       }});
  algorithm.apply({p});
  set_dense_gradient(p, uniform(p.shape(), 12));
  algorithm.update();
  EXPECT_EQ(counts_by_group(p, {4, 6, 2, 1}), (std::vector<int64_t>{6, 6}));
}

TEST(RigL, TiedGradientsGrowAtTheLowerPosition) {
  const Parameter p(Tensor::ones({2, 4}), "w");
  RigL algorithm({.sparsity = 0.5, .drop_fraction = 0.5, .init_method = [](const InitContext&) {
                    return CsrPattern::from_positions(2, 4, Positions{4, 5, 6, 7});
                  }});
  algorithm.apply({p});
  set_dense_gradient(p, Tensor::full({2, 4}, -1));
  algorithm.update();
  EXPECT_EQ(mask_string(p), "11001100");
}

TEST(RigL, ANonFiniteDenseGradientLeavesThePatternAloneWhileTheStepAdvances) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    const Parameter p = dense_parameter("w", {8, 8}, 20);
    RigL algorithm({.sparsity = 0.5, .update = {.steps = std::vector<int64_t>{0, 1, 2}}});
    algorithm.apply({p});
    // The bad element is at a pruned position: the gradient of the values does not show it.
    Tensor gradient = uniform(p.shape(), 21);
    gradient.mutable_data<float>()[mask_string(p).find('0')] = bad;
    const std::string before = mask_string(p);
    for (const int step : {1, 2, 3}) {
      set_dense_gradient(p, step == 1 ? gradient : uniform(p.shape(), 22));
      const std::string previous = mask_string(p);
      algorithm.update();
      EXPECT_EQ(mask_string(p) != previous, step == 2) << step;
    }
    EXPECT_NE(mask_string(p), before);
  }
}

// ---- Through the graph ----

struct Layer {
  Parameter weight = dense_parameter("fc.weight", {24, 36}, 30);
  optim::SGD optimizer{{weight}, {.lr = 0.0}};

  void backward(const Tensor& x, const Tensor& dy) const { linear(x, weight).backward(dy); }
};

RigLOptions options() { return {.sparsity = 0.8, .drop_fraction = 0.5, .update = {.freq = 2}}; }

// dyᵀ x, in double.
Tensor dense_weight_gradient(const Tensor& x, const Tensor& dy) {
  return matmul(transpose(dy.to(DType::f64), 0, 1), x.to(DType::f64)).to(DType::f32);
}

TEST(RigLGrowth, EqualsThatOfTheFullDenseGradientOnUpdateStepsWithoutRetainingLongBefore) {
  const Layer layer;
  RigL algorithm({.sparsity = 0.8, .drop_fraction = 0.5, .update = {.freq = 12}});
  algorithm.apply({layer.weight});
  for (uint64_t step = 1; step <= 24; ++step) {
    const Tensor x = uniform({10, 36}, 40 + step);
    const Tensor dy = uniform({10, 24}, 80 + step);
    layer.weight.zero_grad();
    EXPECT_TRUE(ParameterAccess::tap(layer.weight).empty());
    layer.backward(x, dy);
    // At the first step nothing tells yet that zero_grad() comes between steps.
    EXPECT_EQ(ParameterAccess::tap(layer.weight).empty(), step > 1 && (step - 1) % 12 < 4) << step;
    const Positions expected = step % 12 != 0
                                   ? positions(layer.weight)
                                   : specified(layer.weight, dense_weight_gradient(x, dy), {24, 36}, 0.8F, 0.5F);
    algorithm.update();
    EXPECT_EQ(positions(layer.weight), expected);
  }
  EXPECT_TRUE(ParameterAccess::tap(layer.weight).empty());
}

// Runs two steps with `backward` before the second, the update step; the pattern after it.
template <class F>
std::string pattern_after(Layer& layer, F&& backward) {
  RigL algorithm(options());
  algorithm.apply({layer.weight});
  layer.optimizer.apply(algorithm);
  layer.optimizer.step();
  layer.optimizer.zero_grad();
  backward();
  layer.optimizer.step();
  return mask_string(layer.weight);
}

TEST(RigLGrowth, MicroBatchesGrowAsTheirSumDoes) {
  const Tensor x = uniform({12, 36}, 60);
  const Tensor dy = uniform({12, 24}, 61);
  Layer whole;
  const std::string expected = pattern_after(whole, [&] { whole.backward(x, dy); });
  Layer parts;
  const std::string actual = pattern_after(parts, [&] {
    for (const auto& [begin, end] : {std::pair{0, 4}, {4, 5}, {5, 12}}) {
      parts.backward(slice(x, begin, end), slice(dy, begin, end));
    }
  });
  EXPECT_EQ(actual, expected);
  Layer last_only;
  EXPECT_NE(pattern_after(last_only, [&] { last_only.backward(slice(x, 5, 12), slice(dy, 5, 12)); }), expected);
}

TEST(RigLGrowth, ThreeDimensionalInputsAndTheGeneralWayAddUpToo) {
  const Tensor x = uniform({12, 36}, 62);
  const Tensor dy = uniform({12, 24}, 63);
  Layer whole;
  const std::string expected = pattern_after(whole, [&] { whole.backward(x, dy); });
  Layer mixed;
  const std::string actual = pattern_after(mixed, [&] {
    mixed.backward(reshape(slice(x, 0, 8), {2, 4, 36}), reshape(slice(dy, 0, 8), {2, 4, 24}));
    linear(slice(x, 8, 12), mixed.weight.tensor()).backward(slice(dy, 8, 12));
  });
  EXPECT_EQ(actual, expected);
}

TEST(RigLGrowth, IsUnaffectedByClipping) {
  const Tensor x = uniform({12, 36}, 64);
  const Tensor dy = uniform({12, 24}, 65);
  Layer plain;
  const std::string expected = pattern_after(plain, [&] { plain.backward(x, dy); });
  Layer clipped;
  const std::string actual = pattern_after(clipped, [&] {
    clipped.backward(x, dy);
    optim::clip_grad_value({clipped.weight}, 1e-6);
  });
  EXPECT_EQ(actual, expected);
}

TEST(RigLGrowth, ZeroGradStartsAnew) {
  const Tensor x = uniform({12, 36}, 66);
  const Tensor dy = uniform({12, 24}, 67);
  Layer plain;
  const std::string expected = pattern_after(plain, [&] { plain.backward(x, dy); });
  Layer cleared;
  const std::string actual = pattern_after(cleared, [&] {
    cleared.backward(uniform({5, 36}, 68), uniform({5, 24}, 69));
    cleared.optimizer.zero_grad();
    EXPECT_TRUE(ParameterAccess::tap(cleared.weight).empty());
    cleared.backward(x, dy);
  });
  EXPECT_EQ(actual, expected);
}

TEST(RigLGrowth, GradientsAddUpOverStepsUntilZeroGrad) {
  const auto x = [](uint64_t step) { return uniform({10, 36}, 700 + step); };
  const auto dy = [](uint64_t step) { return uniform({10, 24}, 800 + step); };
  for (const bool retained_at_once : {true, false}) {
    Layer layer;
    RigL algorithm({.sparsity = 0.8, .drop_fraction = 0.5, .update = {.freq = 6}});
    algorithm.apply({layer.weight});
    layer.optimizer.apply(algorithm);
    Tensor sum = Tensor::zeros({24, 36});
    for (uint64_t step = 1; step <= 6; ++step) {
      // In the second run three steps show first that they do, in two windows of their own.
      if (!retained_at_once && (step == 2 || step == 4)) {
        layer.optimizer.zero_grad();
        sum = Tensor::zeros({24, 36});
      }
      layer.backward(x(step), dy(step));
      sum = sum + dense_weight_gradient(x(step), dy(step));
      if (step < 6) layer.optimizer.step();
    }
    const Positions expected = specified(layer.weight, sum, {24, 36}, 0.8F, 0.5F);
    layer.optimizer.step();
    EXPECT_EQ(positions(layer.weight), expected);
    EXPECT_FALSE(ParameterAccess::tap(layer.weight).empty());
    layer.optimizer.zero_grad();
    EXPECT_TRUE(ParameterAccess::tap(layer.weight).empty());
  }
}

TEST(RigLGrowth, SaysThatFactorsAreMissingWhereAZeroGradOfEveryStepStaysAwayForLong) {
  Layer layer;
  RigL algorithm({.sparsity = 0.8, .drop_fraction = 0.5, .update = {.freq = 14}});
  algorithm.apply({layer.weight});
  layer.optimizer.apply(algorithm);
  const auto backward = [&](uint64_t step) {
    layer.backward(uniform({10, 36}, 900 + step), uniform({10, 24}, 950 + step));
  };
  for (uint64_t step = 1; step <= 13; ++step) {
    if (step <= 3) layer.optimizer.zero_grad();
    backward(step);
    layer.optimizer.step();
  }
  backward(14);
  const std::string before = mask_string(layer.weight);
  const std::string message = message_of<StateError>([&] { layer.optimizer.step(); });
  EXPECT_TRUE(contains(message, "call zero_grad() and run backward again"));
  EXPECT_EQ(mask_string(layer.weight), before);
  // The remedy that it names.
  layer.optimizer.zero_grad();
  backward(14);
  layer.optimizer.step();
  EXPECT_NE(mask_string(layer.weight), before);
}

TEST(RigLGrowth, ASecondStepWithoutABackwardGrowsByTheSameSum) {
  const Parameter p = dense_parameter("w", {24, 36}, 85);
  optim::SGD optimizer({p}, {.lr = 0.0});
  RigL algorithm({.sparsity = 0.8, .drop_fraction = 0.5});
  algorithm.apply({p});
  optimizer.apply(algorithm);
  const Tensor x = uniform({4, 36}, 86);
  const Tensor dy = uniform({4, 24}, 88);
  for (int step = 0; step < 2; ++step) {
    optimizer.zero_grad();
    linear(x, p).backward(dy);
    optimizer.step();
  }
  const Positions expected = specified(p, dense_weight_gradient(x, dy), {24, 36}, 0.8F, 0.5F);
  optimizer.step();
  EXPECT_EQ(positions(p), expected);
}

TEST(RigLGrowth, AFailedBackwardLeavesNoFactors) {
  struct FragileNode final : Node {
    Gradients backward(const Tensor&) override { throw std::runtime_error("no"); }
  };
  const Parameter p = dense_parameter("w", {24, 36}, 90);
  RigL algorithm({.sparsity = 0.8});
  algorithm.apply({p});
  Tensor x = uniform({4, 36}, 91).set_requires_grad();
  const Tensor fragile = record<FragileNode>("fragile", x.detach(), {x});
  EXPECT_THROW(linear(fragile, p).backward(uniform({4, 24}, 92)), std::runtime_error);
  EXPECT_TRUE(ParameterAccess::tap(p).empty());
  EXPECT_FALSE(p.grad().defined());
}

TEST(RigLGrowth, HoldsTheFactorsUntilZeroGradAndLongBeforeTheNextUpdateOnlyUntilThisOne) {
  for (const int64_t freq : {2, 20}) {
    Layer layer;
    RigL algorithm({.sparsity = 0.8, .update = {.freq = freq}});
    algorithm.apply({layer.weight});
    for (int64_t step = 1; step < freq; ++step) {
      layer.weight.zero_grad();
      layer.backward(uniform({4, 36}, 72), uniform({4, 24}, 73));
      algorithm.update();
    }
    layer.weight.zero_grad();
    Tensor x = uniform({4, 36}, 70);
    layer.backward(x, uniform({4, 24}, 71));
    EXPECT_FALSE(x.owns_storage_alone());
    algorithm.update();
    EXPECT_EQ(x.owns_storage_alone(), freq == 20);
    layer.weight.zero_grad();
    EXPECT_TRUE(x.owns_storage_alone());
  }
}

TEST(RigLGrowth, AnInputWrittenBetweenBackwardAndUpdateIsAStateErrorNamingTheParameterThatChangesNothing) {
  const Parameter first = dense_parameter("first", {24, 36}, 80);
  const Parameter second = dense_parameter("second", {24, 36}, 81);
  RigL algorithm({.sparsity = 0.8, .update = {.steps = std::vector<int64_t>{0, 1}}});
  algorithm.apply({first, second});
  Tensor x = uniform({4, 36}, 82);
  const Tensor dy = uniform({4, 24}, 83);
  linear(x.clone(), first).backward(dy);
  linear(x, second).backward(dy);
  const std::string before[] = {mask_string(first), mask_string(second)};
  x.fill(1);
  EXPECT_TRUE(contains(message_of<StateError>([&] { algorithm.update(); }), "'second'"));
  EXPECT_EQ(mask_string(first), before[0]);
  EXPECT_EQ(mask_string(second), before[1]);

  // Nor did the step advance: step 1, the only one with an update, is still to come.
  for (const Parameter& p : {first, second}) {
    p.zero_grad();
    linear(x, p).backward(dy);
  }
  algorithm.update();
  EXPECT_NE(mask_string(first), before[0]);
  EXPECT_NE(mask_string(second), before[1]);
}

TEST(RigLGrowth, AGradientThatBackwardDidNotRetainIsAStateErrorThatChangesNothing) {
  Layer layer;
  RigL algorithm({.sparsity = 0.8});
  algorithm.apply({layer.weight});
  layer.weight.values().set_grad(Tensor::ones({layer.weight.nnz()}));
  const std::string before = mask_string(layer.weight);
  EXPECT_TRUE(contains(message_of<StateError>([&] { algorithm.update(); }), "dense gradient of 'fc.weight'"));
  EXPECT_EQ(mask_string(layer.weight), before);
}

TEST(RigLGrowth, ABatchOfZeroSamplesGrowsAtTheLowestPositions) {
  Layer layer;
  RigL algorithm({.sparsity = 0.8, .drop_fraction = 1.0});
  algorithm.apply({layer.weight});
  layer.backward(Tensor::zeros({0, 36}), Tensor::zeros({0, 24}));
  algorithm.update();
  const int64_t kept = num_kept(0.8F, 24 * 36);
  EXPECT_EQ(mask_string(layer.weight).find('0'), static_cast<size_t>(kept));
}

TEST(RigLGrowth, GivesTheSamePatternOnAnyNumberOfThreads) {
  std::vector<std::string> patterns;
  for (const int threads : {1, 2, 3, 8}) {
    with_threads(threads, [&] {
      Layer layer;
      patterns.push_back(pattern_after(layer, [&] { layer.backward(uniform({50, 36}, 90), uniform({50, 24}, 91)); }));
    });
  }
  for (const std::string& pattern : patterns) EXPECT_EQ(pattern, patterns[0]);
}

// ---- The dense gradient for custom algorithms ----

class Watch final : public DynamicSparsityAlgorithm {
 public:
  Watch() : DynamicSparsityAlgorithm("Watch", {.sparsity = 0.5}, {}) {}

  Tensor gradient;
  std::vector<int64_t> rows;

 protected:
  Tensor update_mask(const SparseParameter& parameter, const Tensor& mask, const PlanContext&) override {
    gradient = dense_gradient(parameter);
    for_each_gradient_block(parameter, [&](int64_t row, const Tensor& block) {
      EXPECT_EQ(row, rows.empty() ? 0 : rows.back());
      EXPECT_LE(block.bytes(), GradientTap::kBlockBytes);
      rows.push_back(row + block.dim(0));
    });
    return mask;
  }
  bool wants_dense_gradient() const override { return true; }
};

TEST(DenseGradient, IsThatOfADenseLayerHoweverManyBlocksItHas) {
  // 1500 rows of 6000 bytes are more than two blocks.
  for (const Shape& shape : {Shape{7, 9}, Shape{1500, 1500}}) {
    const Parameter p = dense_parameter("w", shape, 100);
    Watch algorithm;
    algorithm.apply({p});
    const Tensor x = uniform({3, shape[1]}, 101);
    const Tensor dy = uniform({3, shape[0]}, 102);
    linear(x, p).backward(dy);
    algorithm.update();
    expect_close(algorithm.gradient, dense_weight_gradient(x, dy), 1e-6, 1e-6);
    ASSERT_FALSE(algorithm.rows.empty());
    EXPECT_EQ(algorithm.rows.back(), shape[0]);
    EXPECT_EQ(algorithm.rows.size() > 2, shape[0] == 1500);
  }
}

TEST(DenseGradient, HasTheParametersShape) {
  const Parameter p = dense_parameter("w", {2, 3, 4}, 110);
  Watch algorithm;
  algorithm.apply({p});
  const Tensor factor = uniform({2, 3, 4}, 111);
  p.tensor().backward(factor);
  algorithm.update();
  golden::expect_equal(algorithm.gradient, factor);
}

}  // namespace
}  // namespace gossamer::sparse::test_rigl
