// Hooks: what they are told, when, and how they are taken away.
#include "gossamer/sparse/hooks.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/sparse/gmp.h"
#include "gossamer/sparse/group.h"
#include "gossamer/sparse/set.h"
#include "gossamer/sparse/static.h"
#include "tests/sparse/support.h"

namespace gossamer::sparse::test_hooks {
namespace {

using test::dense_parameter;
using test::set_dense_gradient;

using Parameters = std::vector<Parameter>;
using Calls = std::vector<std::pair<std::string, float>>;

Parameters network() {
  return {dense_parameter("fc1.weight", {8, 10}, 1), dense_parameter("fc2.weight", {5, 8}, 2),
          dense_parameter("head.weight", {10, 2}, 3)};
}

SparsityHook into(Calls& calls) {
  return [&calls](const SparsityAlgorithm&, const std::string& name, float sparsity) {
    calls.emplace_back(name, sparsity);
  };
}

void update(SparsityAlgorithm& algorithm, const Parameters& parameters) {
  for (const Parameter& p : parameters) set_dense_gradient(p, Tensor::zeros(p.shape()));
  algorithm.update();
}

TEST(Hooks, AreToldTargetAndActualSparsityOnUpdateStepsAndOnTheOthers) {
  const Parameters parameters = network();
  // GMP along a line, on even steps.
  GMP algorithm({.sparsity = Linear{.init = 0.0, .slope = 0.25}, .update = {.freq = 2}});
  algorithm.apply(parameters);
  Calls targets;
  Calls computed;
  algorithm.register_target_sparsity_hook(into(targets));
  algorithm.register_computed_sparsity_hook(into(computed));
  update(algorithm, parameters);
  EXPECT_EQ(targets, (Calls{{"*", 0.25F}}));
  EXPECT_EQ(computed, (Calls{{"fc1.weight", 0.0F}, {"fc2.weight", 0.0F}, {"head.weight", 0.0F}}));
  targets.clear();
  computed.clear();
  update(algorithm, parameters);
  EXPECT_EQ(targets, (Calls{{"*", 0.5F}}));
  EXPECT_EQ(computed, (Calls{{"fc1.weight", 0.5F}, {"fc2.weight", 0.5F}, {"head.weight", 0.5F}}));
}

TEST(Hooks, OnUpdateStepsTheTargetIsTheOneThatTheStepAimsAt) {
  const Parameters parameters = network();
  GMP algorithm({.sparsity = {0.5, 0.25, 0.0}, .update = {.freq = 1}});
  algorithm.apply(parameters);
  Calls targets;
  algorithm.register_target_sparsity_hook(into(targets));
  for (int i = 0; i < 3; ++i) update(algorithm, parameters);
  EXPECT_EQ(targets, (Calls{{"*", 0.25F}, {"*", 0.0F}, {"*", 0.5F}}));
}

TEST(Hooks, TheTargetIsToldOncePerScheduleUnderTheCommonBeginningOfItsParameters) {
  const Parameters parameters = network();
  Static algorithm({.sparsity = {0.5, {{"head.weight", 0.75}}}});
  algorithm.apply(parameters);
  EXPECT_EQ(parameters[0].nnz(), 40);
  EXPECT_EQ(parameters[2].nnz(), 5);
  Calls targets;
  Calls computed;
  algorithm.register_target_sparsity_hook(into(targets));
  algorithm.register_computed_sparsity_hook(into(computed));
  algorithm.update();
  EXPECT_EQ(targets, (Calls{{"fc*", 0.5F}, {"head.weight*", 0.75F}}));
  EXPECT_EQ(computed, (Calls{{"fc1.weight", 0.5F}, {"fc2.weight", 0.5F}, {"head.weight", 0.75F}}));
}

TEST(Hooks, AreGoneAfterRemoveAlsoWhenTheyRemoveThemselves) {
  const Parameters parameters = network();
  Static algorithm(0.5);
  algorithm.apply(parameters);
  Calls first;
  Calls second;
  RemovableHandle handle = algorithm.register_target_sparsity_hook(into(first));
  RemovableHandle self =
      algorithm.register_target_sparsity_hook([&](const SparsityAlgorithm&, const std::string& name, float sparsity) {
        second.emplace_back(name, sparsity);
        self.remove();
      });
  algorithm.update();
  handle.remove();
  handle.remove();
  algorithm.update();
  EXPECT_EQ(first.size(), 1U);
  EXPECT_EQ(second.size(), 1U);
}

TEST(Hooks, MoveWithTheAlgorithmAndHandlesOutliveIt) {
  const Parameters parameters = network();
  Calls calls;
  RemovableHandle handle;
  {
    Static first(0.5);
    first.apply(parameters);
    handle = first.register_computed_sparsity_hook(into(calls));
    Static second(std::move(first));
    second.update();
    EXPECT_EQ(calls.size(), 3U);
    EXPECT_THROW(second.register_computed_sparsity_hook({}), ConfigError);
  }
  handle.remove();
}

TEST(Hooks, OfAGroupAreThoseOfAllItsAlgorithms) {
  const Parameters parameters = network();
  Group group{{"fc1.*", Static(0.5)}, {"*", SET({.sparsity = 0.8})}};
  Calls targets;
  std::vector<std::string> algorithms;
  RemovableHandle handle = group.register_target_sparsity_hook(into(targets));
  group.register_computed_sparsity_hook(
      [&](const SparsityAlgorithm& algorithm, const std::string&, float) { algorithms.push_back(algorithm.name()); });
  group.apply(parameters);
  update(group, parameters);
  EXPECT_EQ(targets, (Calls{{"fc1.weight*", 0.5F}, {"*", 0.8F}}));
  EXPECT_EQ(algorithms, (std::vector<std::string>{"Static", "SET", "SET"}));
  handle.remove();
  update(group, parameters);
  EXPECT_EQ(targets.size(), 2U);
}

TEST(Hooks, AHookThatThrowsLeavesTheStepUndone) {
  const Parameters parameters = network();
  SET algorithm({.sparsity = 0.5, .drop_fraction = 0.5});
  algorithm.apply(parameters);
  RemovableHandle handle = algorithm.register_target_sparsity_hook(
      [](const SparsityAlgorithm&, const std::string&, float) { throw std::runtime_error("enough"); });
  const auto before = parameters[0].pattern();
  EXPECT_THROW(update(algorithm, parameters), std::runtime_error);
  EXPECT_EQ(parameters[0].pattern(), before);
  EXPECT_EQ(algorithm.state_dict().at("optimizers.0.step").item<int64_t>(), 0);
  handle.remove();
  update(algorithm, parameters);
  EXPECT_NE(parameters[0].pattern(), before);
  EXPECT_EQ(algorithm.state_dict().at("optimizers.0.step").item<int64_t>(), 1);
}

TEST(Hooks, InsideAStepSeeTheWeightsAfterItAndTheOldPatterns) {
  const Parameters parameters = network();
  SET algorithm({.sparsity = 0.5, .drop_fraction = 0.5});
  algorithm.apply(parameters);
  optim::SGD optimizer(parameters, {.lr = 0.5});
  optimizer.apply(algorithm);
  const Parameter& p = parameters[0];
  for (const Parameter& each : parameters) set_dense_gradient(each, Tensor::ones(each.shape()));
  const auto pattern = p.pattern();
  const Tensor before = p.dense();
  int calls = 0;
  algorithm.register_computed_sparsity_hook([&](const SparsityAlgorithm&, const std::string& name, float sparsity) {
    if (name != p.name()) return;
    ++calls;
    EXPECT_EQ(sparsity, 0.5F);
    EXPECT_EQ(p.pattern(), pattern);
    const Tensor now = p.dense();
    const Tensor mask = p.mask();
    for (int64_t i = 0; i < p.numel(); ++i) {
      EXPECT_EQ(now.data<float>()[i], mask.data<bool>()[i] ? before.data<float>()[i] - 0.5F : 0.0F);
    }
  });
  optimizer.step();
  EXPECT_EQ(calls, 1);
  EXPECT_NE(p.pattern(), pattern);
}

}  // namespace
}  // namespace gossamer::sparse::test_hooks
