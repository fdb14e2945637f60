// How algorithms meet parameters and optimizers: order, errors that change nothing, ownership, destruction in any
// order.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/nn/linear.h"
#include "gossamer/ops.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/parameter.h"
#include "gossamer/sparse/gmp.h"
#include "gossamer/sparse/rigl.h"
#include "gossamer/sparse/set.h"
#include "gossamer/sparse/static.h"
#include "gossamer/sparse/topkast.h"
#include "parameter/access.h"
#include "tests/sparse/support.h"
#include "tests/support/golden.h"

namespace gossamer::sparse::test_application {
namespace {

using golden::expect_equal;
using test::contains;
using test::dense_parameter;
using test::LogCapture;
using test::mask_string;
using test::random_csr;
using test::set_dense_gradient;
using test::uniform;

using optim::SGD;
using Parameters = std::vector<Parameter>;

Parameters two_layers() {
  return {dense_parameter("fc1.weight", {8, 10}, 1), dense_parameter("fc2.weight", {4, 8}, 2)};
}

SET half_set(uint64_t seed = 0) { return SET({.sparsity = 0.5, .drop_fraction = 0.5, .seed = seed}); }

void give_gradients(const Parameters& parameters, uint64_t key) {
  for (const Parameter& p : parameters) set_dense_gradient(p, uniform(p.shape(), key++));
}

// ---- Applying to a model ----

TEST(Apply, MakesEveryParameterCsrInTheOrderOfRegistration) {
  const Parameters parameters = two_layers();
  const Tensor before = parameters[0].dense();
  Static algorithm(0.75);
  algorithm.apply(parameters);
  ASSERT_EQ(algorithm.num_sparse_params(), 2);
  EXPECT_EQ(algorithm.sparse_params()[0].name(), "fc1.weight");
  EXPECT_EQ(algorithm.sparse_params()[1].name(), "fc2.weight");
  EXPECT_EQ(parameters[0].nnz(), 20);
  EXPECT_EQ(parameters[1].nnz(), 8);
  expect_equal(parameters[0].dense(), test::select(before, parameters[0].mask()));
}

TEST(Apply, GetSparseParamsPicksThoseAmongTheGiven) {
  const Parameters parameters = two_layers();
  const Parameter stranger = dense_parameter("other", {2, 2}, 3);
  Static algorithm(0.5);
  algorithm.apply(parameters);
  const auto found = algorithm.get_sparse_params({stranger, parameters[1]});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].param(), parameters[1]);
}

TEST(Apply, GetSparseParamsTakesModulesOptimizersAndSingleParameters) {
  Generator rng(1);
  nn::Linear layer({.in = 4, .out = 3}, rng);
  Static algorithm(0.5);
  layer.apply(algorithm);
  SGD optimizer({layer.bias()}, {.lr = 0.1});
  EXPECT_EQ(algorithm.get_sparse_params(layer).size(), 2U);
  ASSERT_EQ(algorithm.get_sparse_params(optimizer).size(), 1U);
  EXPECT_EQ(algorithm.get_sparse_params(optimizer)[0].name(), "bias");
  EXPECT_EQ(algorithm.get_sparse_param(layer.weight())->name(), "weight");
  EXPECT_FALSE(algorithm.get_sparse_param(dense_parameter("other", {2, 2}, 3)).has_value());
}

TEST(Apply, LeavesAParameterWithRequiresDenseDense) {
  const Parameters parameters = two_layers();
  parameters[0].set_requires_dense();
  Static algorithm(0.5);
  algorithm.apply(parameters);
  EXPECT_FALSE(parameters[0].is_csr());
  EXPECT_TRUE(parameters[1].is_csr());
  EXPECT_EQ(algorithm.num_sparse_params(), 1);
}

TEST(Apply, AParameterThatIsCsrAlreadyKeepsItsPatternAsTheStart) {
  const Parameter p = random_csr({8, 8}, 0.3, 4);
  const auto pattern = p.pattern();
  const Tensor values = p.values();
  SET algorithm({.sparsity = 0.5, .update = {.freq = 10, .start = 5}});
  algorithm.apply({p});
  EXPECT_EQ(p.pattern(), pattern);
  EXPECT_TRUE(p.values().shares_storage_with(values));
  EXPECT_EQ(algorithm.num_sparse_params(), 1);
}

TEST(Apply, SparsifiesBiasesAndTensorsOfAnyRank) {
  const Parameters parameters{dense_parameter("bias", {10}, 5), dense_parameter("conv", {2, 3, 2, 5}, 6)};
  Static algorithm(0.5);
  algorithm.apply(parameters);
  EXPECT_EQ(parameters[0].nnz(), 5);
  EXPECT_EQ(parameters[1].nnz(), 30);
  EXPECT_EQ(parameters[1].shape(), Shape({2, 3, 2, 5}));
}

TEST(Apply, TwiceWarnsAndChangesNothing) {
  const Parameters parameters = two_layers();
  Static algorithm(0.5);
  algorithm.apply(parameters);
  const auto pattern = parameters[0].pattern();
  LogCapture log;
  algorithm.apply(parameters);
  ASSERT_EQ(log.messages.size(), 1U);
  EXPECT_TRUE(contains(log.messages[0], "applied before"));
  EXPECT_EQ(parameters[0].pattern(), pattern);
  EXPECT_EQ(algorithm.num_sparse_params(), 2);
}

TEST(Apply, ASecondModelIsAStateErrorThatChangesNothing) {
  const Parameters parameters = two_layers();
  Static algorithm(0.5);
  algorithm.apply(parameters);
  const Parameters other = two_layers();
  EXPECT_TRUE(contains(message_of<StateError>([&] { algorithm.apply(other); }), "an algorithm belongs to one model"));
  EXPECT_FALSE(other[0].is_csr());
  EXPECT_EQ(algorithm.get_sparse_params(parameters).size(), 2U);
}

TEST(Apply, AnInitMethodThatADenseStartIgnoresIsWarnedAbout) {
  const UpdateSchedule late{.freq = 10, .start = 10};
  const auto warnings = [](const InitMethod& method, const UpdateSchedule& update, int64_t groups = 0) {
    LogCapture log;
    RigL algorithm({.sparsity = 0.5, .update = update, .balance_out_groups = groups, .init_method = method});
    algorithm.apply(two_layers());
    return log.messages;
  };
  ASSERT_EQ(warnings(topk, late).size(), 1U);
  EXPECT_TRUE(contains(warnings(topk, late)[0], "RigL starts dense"));
  EXPECT_EQ(warnings(make_init_method("topk"), late, 4).size(), 1U);
  EXPECT_TRUE(warnings(random, late).empty());
  EXPECT_TRUE(warnings(random, late, 4).empty());
  EXPECT_TRUE(warnings(topk, {.freq = 10}).empty());
}

TEST(Apply, ASparsityThatTheUpdatesEndBeforeIsWarnedAbout) {
  const auto warnings = [](const Schedule& sparsity, const UpdateSchedule& update) {
    LogCapture log;
    GMP({.sparsity = sparsity, .update = update}).apply(two_layers());
    return log.messages;
  };
  const Cubic cubic{.init = 0, .final = 0.9, .start = 0, .end = 100};
  ASSERT_EQ(warnings(cubic, {.freq = 10, .stop = 100}).size(), 1U);  // the last one is at step 90
  EXPECT_TRUE(contains(warnings(cubic, {.freq = 10, .stop = 100})[0], "not at the 0.9 of its schedule"));
  EXPECT_EQ(warnings(cubic, {.steps = {{0, 50}}}).size(), 1U);
  EXPECT_TRUE(warnings(cubic, {.freq = 10, .stop = 101}).empty());
  EXPECT_TRUE(warnings(cubic, {.freq = 10}).empty());
  EXPECT_TRUE(warnings(Linear{.init = 0, .slope = 0.001}, {.freq = 10, .stop = 100}).empty());
}

TEST(Apply, ANameTwiceIsAConfigErrorThatChangesNothing) {
  const Parameters parameters{dense_parameter("w", {4, 4}, 8), dense_parameter("w", {4, 4}, 9)};
  Static algorithm(0.5);
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { algorithm.apply(parameters); }), "'w' twice"));
  EXPECT_FALSE(parameters[0].is_csr());
  EXPECT_FALSE(ParameterAccess::is_claimed(parameters[0]));
  EXPECT_EQ(algorithm.num_sparse_params(), 0);
  algorithm.apply({parameters[0]});
  EXPECT_TRUE(parameters[0].is_csr());
}

TEST(Apply, AParameterOfTwoAlgorithmsIsAStateErrorThatChangesNothing) {
  const Parameters parameters = two_layers();
  Static first(0.5);
  first.apply({parameters[1]});
  const auto pattern = parameters[1].pattern();
  Static second(0.9);
  EXPECT_TRUE(contains(message_of<StateError>([&] { second.apply(parameters); }), "fc2.weight"));
  EXPECT_FALSE(parameters[0].is_csr());
  EXPECT_EQ(parameters[1].pattern(), pattern);
}

TEST(Apply, ParametersOfADestroyedAlgorithmAreFreeAgain) {
  const Parameters parameters = two_layers();
  { Static(0.5).apply(parameters); }
  const auto pattern = parameters[0].pattern();
  SET next = half_set();
  next.apply(parameters);
  EXPECT_EQ(parameters[0].pattern(), pattern);
  EXPECT_EQ(next.num_sparse_params(), 2);
}

TEST(Apply, AnInitMethodOfTheWrongSizeIsAShapeErrorThatChangesNothing) {
  const Parameters parameters = two_layers();
  // Right for the first parameter, wrong for the second.
  Static algorithm({.sparsity = 0.5, .init_method = [](const InitContext&) { return CsrPattern::full(8, 10); }});
  EXPECT_TRUE(contains(message_of<ShapeError>([&] { algorithm.apply(parameters); }), "fc2.weight"));
  EXPECT_FALSE(parameters[0].is_csr());
  EXPECT_FALSE(ParameterAccess::is_claimed(parameters[0]));
  Static none({.sparsity = 0.5, .init_method = [](const InitContext&) { return nullptr; }});
  EXPECT_THROW(none.apply(parameters), ShapeError);
}

TEST(Apply, AnInitMethodSeesParameterSparsityAndKey) {
  std::vector<uint64_t> keys;
  Static algorithm({.sparsity = 0.25,
                    .init_method =
                        [&](const InitContext& context) {
                          EXPECT_EQ(context.sparsity, 0.25F);
                          keys.push_back(context.key);
                          const MatrixSize size = as_matrix(context.parameter.param().shape());
                          return CsrPattern::full(size.rows, size.cols);
                        },
                    .seed = 3});
  algorithm.apply(two_layers());
  EXPECT_EQ(keys, (std::vector<uint64_t>{derive_key(3, "fc1.weight", 0), derive_key(3, "fc2.weight", 0)}));
}

TEST(Apply, ASparsityThatLeavesNothingWarns) {
  const Parameter p = dense_parameter("tiny", {2, 2}, 10);
  LogCapture log;
  Static algorithm(0.9);
  algorithm.apply({p});
  EXPECT_EQ(p.nnz(), 0);
  ASSERT_EQ(log.messages.size(), 1U);
  EXPECT_TRUE(contains(log.messages[0], "'tiny' without a connection"));
}

// ---- Settings ----

TEST(Settings, ADropFractionThatNamesAValueOutsideZeroToOneIsAConfigError) {
  const std::vector<Schedule> wrong{1.5,
                                    -0.1,
                                    std::nan(""),
                                    {0.3, 1.01},
                                    Linear{.init = 2, .slope = -0.1},
                                    Exp{.init = -1, .gamma = -1},
                                    Power{.init = 3, .beta = 0.5},
                                    Cosine{.init = 1.3, .half_period = 10},
                                    Cosine{.init = 0.3, .half_period = 10, .minimum = -0.3},
                                    Cubic{.init = 0.3, .final = 30, .end = 100}};
  for (const Schedule& s : wrong) {
    EXPECT_TRUE(contains(message_of<ConfigError>([&] { SET({.sparsity = 0.5, .drop_fraction = s}); }),
                         "SET: drop_fraction must be from 0 to 1"));
    EXPECT_THROW(TopKAST({.sparsity = 0.5, .forward_sparsity = 0.5, .drop_fraction = s}), ConfigError);
  }
  // A line that leaves the range later is clamped, and a function is not asked before it is needed.
  for (const Schedule& s : {Schedule(0.0), Schedule(1.0), Schedule(Linear{.init = 0.3, .slope = -0.1}),
                            Schedule(Lambda{[](int64_t) -> double { throw std::runtime_error("asked"); }})}) {
    EXPECT_NO_THROW(SET({.sparsity = 0.5, .drop_fraction = s}));
  }
}

TEST(Settings, ASparsityOutsideZeroToOneIsAConfigErrorNamingTheAlgorithm) {
  for (const double s : {-0.1, 1.0, 1.5, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_TRUE(contains(message_of<ConfigError>([&] { Static a(s); }), "Static: sparsity"));
    EXPECT_TRUE(contains(message_of<ConfigError>([&] { SET a({.sparsity = s}); }), "SET: sparsity"));
    EXPECT_TRUE(contains(message_of<ConfigError>([&] { RigL a({.sparsity = s}); }), "RigL: sparsity"));
  }
  EXPECT_TRUE(
      contains(message_of<ConfigError>([] { Static a({.sparsity = Linear{.slope = 0.1}}); }), "must be constant"));
  EXPECT_THROW(Static({.sparsity = {0.5, {{"w", 1.0}}}}), ConfigError);
  EXPECT_NO_THROW(Static(0.0));
  EXPECT_NO_THROW(SET({.sparsity = Linear{.init = -1, .slope = 1}}));
}

TEST(Settings, BothKindsOfGroupsExcludeEachOther) {
  EXPECT_TRUE(contains(message_of<ConfigError>([] { RigL a({.balance_in_groups = 2, .balance_out_groups = 2}); }),
                       "exclude each other"));
  EXPECT_THROW(RigL({.balance_in_groups = -1}), ConfigError);
  EXPECT_THROW(RigL({.balance_out_groups = -1}), ConfigError);
}

TEST(Settings, GroupsThatDoNotDivideAreAConfigErrorThatChangesNothing) {
  const Parameters parameters = two_layers();
  for (const RigLOptions& options : {RigLOptions{.sparsity = 0.5, .balance_in_groups = 5},  // divides 10, not 8
                                     RigLOptions{.sparsity = 0.5, .balance_out_groups = 8}}) {
    RigL algorithm(options);
    const std::string message = message_of<ConfigError>([&] { algorithm.apply(parameters); });
    EXPECT_TRUE(contains(message, options.balance_in_groups > 0 ? "must divide the columns of 'fc2.weight'"
                                                                : "must divide the rows of 'fc2.weight'"));
    EXPECT_FALSE(parameters[0].is_csr());
    EXPECT_FALSE(ParameterAccess::is_claimed(parameters[0]));
  }
}

TEST(Settings, AContradictoryUpdateScheduleIsAConfigError) {
  EXPECT_THROW(SET({.sparsity = 0.5, .update = {.freq = 0}}), ConfigError);
  EXPECT_THROW(RigL({.sparsity = 0.5, .update = {.steps = std::vector<int64_t>{}}}), ConfigError);
}

TEST(Settings, AScheduleThatGivesNanIsAConfigErrorThatChangesNothing) {
  const Parameters parameters = two_layers();
  SET algorithm({.sparsity = Lambda{[](int64_t step) { return step == 2 ? std::nan("") : 0.5; }}});
  algorithm.apply(parameters);
  give_gradients(parameters, 20);
  algorithm.update();
  const auto pattern = parameters[0].pattern();
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { algorithm.update(); }), "NaN at step 2"));
  EXPECT_EQ(parameters[0].pattern(), pattern);

  SET drop({.sparsity = 0.5, .drop_fraction = Lambda{[](int64_t) { return std::nan(""); }}});
  const Parameter p = dense_parameter("w", {4, 4}, 11);
  drop.apply({p});
  give_gradients({p}, 21);
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { drop.update(); }), "drop_fraction"));
}

// ---- Applying to an optimizer ----

TEST(OptimizerApply, BeforeTheModelIsAStateErrorThatSaysSo) {
  SGD optimizer(two_layers(), {.lr = 0.1});
  Static algorithm(0.5);
  EXPECT_TRUE(
      contains(message_of<StateError>([&] { optimizer.apply(algorithm); }), "call model.apply(sparsity) before"));
  EXPECT_THROW(algorithm.update(), StateError);
  EXPECT_THROW(algorithm.update(&optimizer), StateError);
}

TEST(OptimizerApply, TwiceWarnsAndUpdatesOnce) {
  const Parameters parameters = two_layers();
  SGD optimizer(parameters, {.lr = 0.1});
  int64_t last_step = 0;
  int calls = 0;
  SET algorithm({.sparsity = 0.5, .growth_scores = [&](const SparseParameter& p, int64_t step) {
                   ++calls;
                   last_step = step;
                   return uniform(p.param().shape(), 1);
                 }});
  algorithm.apply(parameters);
  optimizer.apply(algorithm);
  LogCapture log;
  optimizer.apply(algorithm);
  ASSERT_EQ(log.messages.size(), 1U);
  EXPECT_TRUE(contains(log.messages[0], "applied to this optimizer before"));
  give_gradients(parameters, 30);
  optimizer.step();
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(last_step, 1);
}

TEST(OptimizerApply, AnOptimizerWithNoneOfTheParametersIsAConfigError) {
  Static algorithm(0.5);
  algorithm.apply(two_layers());
  SGD optimizer({dense_parameter("other", {2, 2}, 12)}, {.lr = 0.1});
  EXPECT_THROW(optimizer.apply(algorithm), ConfigError);
}

TEST(OptimizerApply, AParameterOfTwoOptimizersIsAStateErrorThatNamesIt) {
  const Parameters parameters = two_layers();
  Static algorithm(0.5);
  algorithm.apply(parameters);
  SGD first(parameters, {.lr = 0.1});
  SGD second({parameters[1]}, {.lr = 0.1});
  first.apply(algorithm);
  EXPECT_TRUE(contains(message_of<StateError>([&] { second.apply(algorithm); }), "fc2.weight"));
  EXPECT_THROW(algorithm.update(&second), StateError);
}

TEST(OptimizerApply, OptimizersWithDisjointParametersCountTheirStepsApart) {
  const Parameters parameters = two_layers();
  std::vector<std::pair<std::string, int64_t>> updates;
  SET algorithm({.sparsity = 0.5, .growth_scores = [&](const SparseParameter& p, int64_t step) {
                   updates.emplace_back(p.name(), step);
                   return uniform(p.param().shape(), 1);
                 }});
  algorithm.apply(parameters);
  SGD first({parameters[0]}, {.lr = 0.1});
  SGD second({parameters[1]}, {.lr = 0.1});
  first.apply(algorithm);
  second.apply(algorithm);
  give_gradients(parameters, 40);
  first.step();
  first.step();
  second.step();
  first.step();
  EXPECT_EQ(updates, (std::vector<std::pair<std::string, int64_t>>{
                         {"fc1.weight", 1}, {"fc1.weight", 2}, {"fc2.weight", 1}, {"fc1.weight", 3}}));
  EXPECT_TRUE(contains(message_of<StateError>([&] { algorithm.update(); }), "one must be named"));
  algorithm.update(&second);
  EXPECT_EQ(updates.back(), (std::pair<std::string, int64_t>("fc2.weight", 2)));
}

TEST(OptimizerApply, AutoupdateOffAndUpdateByHandEqualAutoupdate) {
  std::vector<Parameters> models;
  for (const bool automatic : {true, false}) {
    const Parameters parameters = two_layers();
    SGD optimizer(parameters, {.lr = 0.1, .momentum = 0.9});
    SET algorithm = half_set(5);
    algorithm.set_autoupdate(automatic);
    EXPECT_EQ(algorithm.autoupdate(), automatic);
    algorithm.apply(parameters);
    optimizer.apply(algorithm);
    for (uint64_t step = 0; step < 4; ++step) {
      give_gradients(parameters, 50 + 10 * step);
      const std::string before = mask_string(parameters[0]);
      optimizer.step();
      if (automatic) continue;
      EXPECT_EQ(mask_string(parameters[0]), before);
      algorithm.update(step % 2 == 0 ? &optimizer : nullptr);
      EXPECT_NE(mask_string(parameters[0]), before);
    }
    models.push_back(parameters);
  }
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(mask_string(models[0][i]), mask_string(models[1][i]));
    expect_equal(models[0][i].dense(), models[1][i].dense());
  }
}

TEST(OptimizerApply, UpdateWithoutAnyOptimizerUpdatesAllParameters) {
  const Parameters parameters = two_layers();
  SET algorithm = half_set();
  algorithm.apply(parameters);
  const std::string before[] = {mask_string(parameters[0]), mask_string(parameters[1])};
  give_gradients(parameters, 60);
  algorithm.update();
  EXPECT_NE(mask_string(parameters[0]), before[0]);
  EXPECT_NE(mask_string(parameters[1]), before[1]);
}

TEST(OptimizerApply, StatesBecomeAsSmallAsTheParameter) {
  const Parameters parameters = two_layers();
  SGD optimizer(parameters, {.lr = 0.1, .momentum = 0.9});
  give_gradients(parameters, 70);
  optimizer.step();
  EXPECT_EQ(optimizer.state_bytes(), 4 * (80 + 32));
  Static algorithm(0.75);
  algorithm.apply(parameters);
  optimizer.apply(algorithm);
  EXPECT_EQ(optimizer.state_bytes(), 4 * (20 + 8));
}

// ---- Moves and destruction ----

TEST(Lifetime, AnAlgorithmThatMovedAfterwardsStillUpdates) {
  const Parameters parameters = two_layers();
  SGD optimizer(parameters, {.lr = 0.1});
  std::optional<SET> first(half_set());
  first->apply(parameters);
  optimizer.apply(*first);
  SET second(std::move(*first));
  first.reset();
  give_gradients(parameters, 80);
  std::string before = mask_string(parameters[0]);
  optimizer.step();
  EXPECT_NE(mask_string(parameters[0]), before);

  SET third = half_set(9);
  third = std::move(second);
  EXPECT_EQ(third.num_sparse_params(), 2);
  give_gradients(parameters, 81);
  before = mask_string(parameters[0]);
  optimizer.step();
  EXPECT_NE(mask_string(parameters[0]), before);
}

TEST(Lifetime, AnOptimizerThatMovedAfterwardsStillUpdates) {
  const Parameters parameters = two_layers();
  SGD first(parameters, {.lr = 0.1});
  SET algorithm = half_set();
  algorithm.apply(parameters);
  first.apply(algorithm);
  SGD second(std::move(first));
  give_gradients(parameters, 82);
  const std::string before = mask_string(parameters[0]);
  second.step();
  EXPECT_NE(mask_string(parameters[0]), before);
}

TEST(Lifetime, AnOptimizerWhoseAlgorithmIsGoneSimplySteps) {
  const Parameters parameters = two_layers();
  SGD optimizer(parameters, {.lr = 0.1, .momentum = 0.9});
  {
    SET algorithm = half_set();
    algorithm.apply(parameters);
    optimizer.apply(algorithm);
  }
  give_gradients(parameters, 83);
  const std::string before = mask_string(parameters[0]);
  const Tensor values = parameters[0].values().clone();
  optimizer.step();
  EXPECT_EQ(mask_string(parameters[0]), before);
  golden::expect_close(parameters[0].values(), sub(values, mul_scalar(parameters[0].grad(), 0.1)));
}

TEST(Lifetime, AnAlgorithmThatWasAssignedOverNoLongerUpdates) {
  const Parameters parameters = two_layers();
  SGD optimizer(parameters, {.lr = 0.1});
  SET algorithm = half_set();
  algorithm.apply(parameters);
  optimizer.apply(algorithm);
  algorithm = half_set();
  EXPECT_FALSE(ParameterAccess::is_claimed(parameters[0]));
  give_gradients(parameters, 84);
  const std::string before = mask_string(parameters[0]);
  optimizer.step();
  EXPECT_EQ(mask_string(parameters[0]), before);
}

TEST(Lifetime, ANewOptimizerTakesThePlaceOfADestroyedOne) {
  const Parameters parameters = two_layers();
  SET algorithm = half_set();
  algorithm.apply(parameters);
  {
    SGD first(parameters, {.lr = 0.1});
    first.apply(algorithm);
  }
  SGD second(parameters, {.lr = 0.1});
  second.apply(algorithm);
  give_gradients(parameters, 86);
  const std::string before = mask_string(parameters[0]);
  second.step();
  EXPECT_NE(mask_string(parameters[0]), before);
}

TEST(Lifetime, ADestroyedRigLLetsGoOfWhatBackwardRetained) {
  const Parameters parameters = two_layers();
  {
    RigL algorithm({.sparsity = 0.5});
    algorithm.apply(parameters);
    give_gradients(parameters, 87);
    EXPECT_FALSE(ParameterAccess::tap(parameters[0]).empty());
  }
  EXPECT_TRUE(ParameterAccess::tap(parameters[0]).empty());
  EXPECT_FALSE(ParameterAccess::tap(parameters[0]).armed());
}

TEST(Lifetime, AnAlgorithmOutlivesItsModelAndItsOptimizer) {
  SET algorithm = half_set();
  {
    const Parameters parameters = two_layers();
    SGD optimizer(parameters, {.lr = 0.1});
    algorithm.apply(parameters);
    optimizer.apply(algorithm);
    give_gradients(parameters, 85);
    optimizer.step();
  }
  // The handles keep the parameters; the optimizer is known by its number alone.
  const std::string before = mask_string(algorithm.sparse_params()[0].param());
  algorithm.update();
  EXPECT_NE(mask_string(algorithm.sparse_params()[0].param()), before);
}

}  // namespace
}  // namespace gossamer::sparse::test_application
