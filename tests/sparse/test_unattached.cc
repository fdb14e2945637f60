// An algorithm that changes patterns and was applied to no optimizer is warned about, once.
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/optim/sgd.h"
#include "gossamer/parameter.h"
#include "gossamer/sparse/gmp.h"
#include "gossamer/sparse/group.h"
#include "gossamer/sparse/rigl.h"
#include "gossamer/sparse/set.h"
#include "gossamer/sparse/static.h"
#include "tests/sparse/support.h"

namespace gossamer::sparse::test_unattached {
namespace {

using test::dense_parameter;
using test::LogCapture;
using test::set_dense_gradient;
using test::uniform;

using Parameters = std::vector<Parameter>;

Parameters network() { return {dense_parameter("fc1.weight", {8, 10}, 1), dense_parameter("fc2.weight", {4, 8}, 2)}; }

void step(optim::Optimizer& optimizer) {
  for (const Parameter& p : optimizer.params()) set_dense_gradient(p, uniform(p.shape(), 3));
  optimizer.step();
}

std::string warning(const std::string& algorithm, const std::string& parameter) {
  return "optimizer.step(): " + algorithm + " was applied to the model and to no optimizer, so the pattern of '" +
         parameter + "' stays as it is; call optimizer.apply(sparsity)";
}

TEST(Unattached, TheSecondStepWarnsAndNoOtherDoes) {
  LogCapture log;
  const Parameters parameters = network();
  optim::SGD optimizer(parameters, {.lr = 0.1});
  RigL rigl({.sparsity = 0.5});
  rigl.apply(parameters);
  step(optimizer);
  EXPECT_TRUE(log.messages.empty());
  step(optimizer);
  EXPECT_EQ(log.messages, std::vector<std::string>{warning("RigL", "fc1.weight")});
  for (int i = 0; i < 3; ++i) step(optimizer);
  EXPECT_EQ(log.messages.size(), 1U);
}

TEST(Unattached, AStepThatIsSkippedCountsAsNone) {
  LogCapture log;
  const Parameters parameters = network();
  optim::SGD optimizer(parameters, {.lr = 0.1});
  SET set({.sparsity = 0.5});
  set.apply(parameters);
  for (int i = 0; i < 3; ++i) optimizer.step();  // no gradients
  step(optimizer);
  EXPECT_TRUE(log.messages.empty());
  step(optimizer);
  EXPECT_EQ(log.messages.size(), 1U);
}

TEST(Unattached, AnAlgorithmThatKeepsItsPatternsNeedsNoOptimizer) {
  LogCapture log;
  const Parameters parameters = network();
  optim::SGD optimizer(parameters, {.lr = 0.1});
  Static algorithm(0.5);
  algorithm.apply(parameters);
  for (int i = 0; i < 3; ++i) step(optimizer);
  EXPECT_TRUE(log.messages.empty());
}

TEST(Unattached, InAGroupOnlyWhatChangesItsPatternsIsMissed) {
  LogCapture log;
  const Parameters parameters = network();
  optim::SGD optimizer(parameters, {.lr = 0.1});
  Group group{{"fc1.*", Static(0.5)}, {"fc2.*", RigL({.sparsity = 0.5})}};
  group.apply(parameters);
  for (int i = 0; i < 3; ++i) step(optimizer);
  EXPECT_EQ(log.messages, std::vector<std::string>{warning("Group", "fc2.weight")});
}

TEST(Unattached, TheOptimizerOfSomeParametersLeavesTheOthersMissed) {
  LogCapture log;
  const Parameters parameters = network();
  optim::SGD first({parameters[0]}, {.lr = 0.1});
  optim::SGD second({parameters[1]}, {.lr = 0.1});
  RigL rigl({.sparsity = 0.5});
  rigl.apply(parameters);
  first.apply(rigl);
  for (int i = 0; i < 3; ++i) step(first);
  EXPECT_TRUE(log.messages.empty());
  for (int i = 0; i < 3; ++i) step(second);
  EXPECT_EQ(log.messages, std::vector<std::string>{warning("RigL", "fc2.weight")});
}

TEST(Unattached, WhoUpdatesByHandOrIsAttachedInTimeIsNotMissed) {
  LogCapture log;
  const auto expect_silence = [&](auto&& between) {
    const Parameters parameters = network();
    optim::SGD optimizer(parameters, {.lr = 0.1});
    RigL rigl({.sparsity = 0.5});
    rigl.apply(parameters);
    step(optimizer);
    between(optimizer, rigl);
    RigL moved(std::move(rigl));
    for (int i = 0; i < 3; ++i) step(optimizer);
    EXPECT_TRUE(log.messages.empty());
  };
  expect_silence([](optim::Optimizer& optimizer, RigL& rigl) { optimizer.apply(rigl); });
  expect_silence([](optim::Optimizer&, RigL& rigl) { rigl.update(); });
  expect_silence([](optim::Optimizer&, RigL& rigl) { rigl.set_autoupdate(false); });
}

TEST(Unattached, AMovedAlgorithmIsStillMissedAndOneThatIsGoneIsNot) {
  const auto messages = [](bool is_gone) {
    LogCapture log;
    const Parameters parameters = network();
    optim::SGD optimizer(parameters, {.lr = 0.1});
    RigL rigl({.sparsity = 0.5});
    rigl.apply(parameters);
    std::optional<RigL> moved(std::move(rigl));
    if (is_gone) moved.reset();
    for (int i = 0; i < 3; ++i) step(optimizer);
    return log.messages.size();
  };
  EXPECT_EQ(messages(false), 1U);
  EXPECT_EQ(messages(true), 0U);
}

}  // namespace
}  // namespace gossamer::sparse::test_unattached
