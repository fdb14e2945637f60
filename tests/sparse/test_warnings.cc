// What would otherwise go wrong in silence: each warning says what, and comes once.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/optim/adam.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/parameter.h"
#include "gossamer/sparse/configure.h"
#include "gossamer/sparse/gmp.h"
#include "gossamer/sparse/granet.h"
#include "gossamer/sparse/prune.h"
#include "gossamer/sparse/rigl.h"
#include "gossamer/sparse/set.h"
#include "gossamer/sparse/snfs.h"
#include "gossamer/sparse/static.h"
#include "gossamer/sparse/topkast.h"
#include "tests/sparse/support.h"

namespace gossamer::sparse::test_warnings {
namespace {

using test::contains;
using test::dense_parameter;
using test::LogCapture;
using test::set_dense_gradient;
using test::uniform;

using Parameters = std::vector<Parameter>;

Parameters network() {
  return {dense_parameter("fc1.weight", {20, 20}, 1), dense_parameter("fc1.bias", {20}, 2),
          dense_parameter("fc2.weight", {10, 20}, 3)};
}
Parameters weights() {
  const Parameters all = network();
  return {all[0], all[2]};
}

void give_gradients(const Parameters& parameters, uint64_t key) {
  for (const Parameter& p : parameters) set_dense_gradient(p, uniform(p.shape(), ++key));
}

// Steps of the algorithm with random gradients.
void run(SparsityAlgorithm& algorithm, const Parameters& parameters, int64_t steps) {
  for (int64_t step = 0; step < steps; ++step) {
    give_gradients(parameters, static_cast<uint64_t>(1000 + step * 10));
    algorithm.update();
  }
}

double sparsity_of(const Parameters& parameters) {
  int64_t nnz = 0;
  int64_t elements = 0;
  for (const Parameter& p : parameters) {
    nnz += p.nnz();
    elements += p.numel();
  }
  return 1 - static_cast<double>(nnz) / static_cast<double>(elements);
}

// ---- Sparsities that are not reached ----

// What it warns of when it is applied, and in a run of so many steps.
template <class A>
std::pair<std::vector<std::string>, std::vector<std::string>> warnings_of(A algorithm, int64_t steps,
                                                                          double* reached = nullptr) {
  const Parameters parameters = weights();
  std::vector<std::string> at_first;
  {
    LogCapture log;
    algorithm.apply(parameters);
    at_first = log.messages;
  }
  LogCapture log;
  run(algorithm, parameters, steps);
  if (reached != nullptr) *reached = sparsity_of(parameters);
  return {at_first, log.messages};
}

TEST(UnreachedSparsity, OfADenseStartIsForeseenToTheLastDigit) {
  double reached = 0;
  const UpdateSchedule update{.freq = 5, .start = 5, .stop = 20};
  const auto [first, later] = warnings_of(RigL({.sparsity = 0.9, .update = update}), 20, &reached);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_NEAR(reached, 0.658, 0.0005);
  EXPECT_TRUE(contains(first[0], "RigL ends at sparsity 0.658, not at the 0.9 that it aims at"));
  EXPECT_TRUE(contains(first[0], "step 15"));
  EXPECT_TRUE(later.empty());
}

TEST(UnreachedSparsity, OfAScheduleThatOutrunsTheDropsIsForeseen) {
  double reached = 0;
  const Cubic cubic{.init = 0, .final = 0.95, .start = 0, .end = 20};
  const auto [first, later] =
      warnings_of(SET({.sparsity = cubic, .update = {.freq = 5, .start = 0, .stop = 21}}), 25, &reached);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_TRUE(contains(first[0], "SET ends at sparsity " + fmt::format("{:.3g}", reached)));
  EXPECT_TRUE(later.empty());
}

TEST(UnreachedSparsity, IsForeseenInGroupsAndByName) {
  const UpdateSchedule update{.freq = 5, .start = 5, .stop = 12};
  double reached = 0;
  const auto [grouped, later] =
      warnings_of(RigL({.sparsity = 0.9, .update = update, .balance_in_groups = 4}), 12, &reached);
  ASSERT_EQ(grouped.size(), 1U);
  EXPECT_TRUE(contains(grouped[0], fmt::format("{:.3g}, not", reached)));
  const auto [named, none] = warnings_of(SET({.sparsity = {0.9, {{"fc1.*", 0.2}}}, .update = update}), 12, &reached);
  ASSERT_EQ(named.size(), 1U);
  EXPECT_TRUE(contains(named[0], fmt::format("{:.3g}, not", reached)));
}

TEST(UnreachedSparsity, IsForeseenAtTheEndOfTheRangeOfSteps) {
  constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();
  const UpdateSchedule update{.freq = kEnd / 2, .start = kEnd - 10, .stop = kEnd};
  const auto [first, later] = warnings_of(SET({.sparsity = 0.9, .update = update}), 1);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_TRUE(contains(first[0], fmt::format("SET ends at sparsity 0.3, not at the 0.9 that it aims at, with its last "
                                             "update at step {}",
                                             kEnd - 10)));
}

TEST(UnreachedSparsity, IsNoticedAtTheLastUpdateWhereItCannotBeForeseen) {
  const UpdateSchedule update{.freq = 5, .start = 5, .stop = 20};
  const auto [first, later] =
      warnings_of(RigL({.sparsity = Lambda{[](int64_t) { return 0.9; }}, .update = update}), 20);
  EXPECT_TRUE(first.empty());
  ASSERT_EQ(later.size(), 1U);
  EXPECT_TRUE(contains(later[0], "RigL ends at sparsity 0.658, not at the 0.9"));
  const auto [shared_first, shared_later] = warnings_of(SNFS({.sparsity = 0.9, .update = update}), 20);
  EXPECT_TRUE(shared_first.empty());
  EXPECT_EQ(shared_later.size(), 1U);
}

// Leaves the pattern as it is, whatever the sparsity.
class Idle final : public DynamicSparsityAlgorithm {
 public:
  Idle() : DynamicSparsityAlgorithm("Idle", {.sparsity = 0.9}, {.freq = 1, .start = 1, .stop = 3}) {}

 protected:
  Tensor update_mask(const SparseParameter&, const Tensor& mask, const PlanContext&) override { return mask; }
};

TEST(UnreachedSparsity, IsNoticedOfAlgorithmsOfApplications) {
  const auto [first, later] = warnings_of(Idle(), 3);
  EXPECT_TRUE(first.empty());
  ASSERT_EQ(later.size(), 1U);
  EXPECT_TRUE(contains(later[0], "Idle ends at sparsity 0, not at the 0.9"));
}

TEST(UnreachedSparsity, IsNotWarnedOfWhereItIsReached) {
  const UpdateSchedule dense{.freq = 2, .start = 2, .stop = 40};
  const UpdateSchedule sparse{.freq = 5, .stop = 20};
  const auto silent = [](auto algorithm) {
    const auto [first, later] = warnings_of(std::move(algorithm), 40);
    return first.empty() && later.empty();
  };
  EXPECT_TRUE(silent(RigL({.sparsity = 0.9, .update = dense})));
  EXPECT_TRUE(silent(RigL({.sparsity = 0.9, .update = sparse})));
  EXPECT_TRUE(silent(SET({.sparsity = 0.9, .update = {.steps = {{0, 7}}}})));
  EXPECT_TRUE(silent(GraNet({.sparsity = 0.9, .update = {.freq = 5, .start = 5, .stop = 8}})));
  EXPECT_TRUE(silent(TopKAST({.sparsity = 0.5, .forward_sparsity = 0.9, .update = sparse})));
  EXPECT_TRUE(silent(SNFS({.sparsity = 0.9, .update = sparse})));
  EXPECT_TRUE(silent(GMP({.sparsity = Cubic{.final = 0.9, .end = 15}, .update = sparse})));
}

TEST(UpdateSteps, NoneAfterStepZeroIsWarnedAbout) {
  const auto [first, later] = warnings_of(RigL({.sparsity = 0.9, .update = {.freq = 100, .stop = 100}}), 3);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_TRUE(contains(first[0], "RigL keeps its first patterns"));
  const auto [never, later_still] =
      warnings_of(GMP({.sparsity = Cubic{.end = 9}, .update = {.freq = 9, .start = 9, .stop = 5}}), 12);
  ASSERT_EQ(never.size(), 1U);
  EXPECT_TRUE(contains(never[0], "GMP keeps its first patterns, which are full"));
  EXPECT_TRUE(contains(never[0], "start 9, stop 5; stop must be above start"));
  EXPECT_TRUE(later.empty() && later_still.empty());
}

// ---- Sparsities out of range and by name ----

TEST(SparsityRange, OfASchedulesValuesIsChecked) {
  const std::vector<Schedule> wrong{{0.5, 9},
                                    Cubic{.final = 90, .end = 10},
                                    Linear{.init = 2, .slope = -0.1},
                                    Exp{.init = 9, .gamma = -1},
                                    Power{.init = 50, .beta = 0.9},
                                    Cosine{.init = 0.5, .half_period = 5, .minimum = -1}};
  for (const Schedule& s : wrong) {
    EXPECT_TRUE(contains(message_of<ConfigError>([&] { GMP({.sparsity = s}); }), "GMP: sparsity must be from 0 to 1"));
  }
  EXPECT_TRUE(contains(message_of<ConfigError>([] { GMP({.sparsity = {0.9}}); }), "GMP: sparsity must change"));
  EXPECT_TRUE(contains(message_of<ConfigError>([] {
                         TopKAST({.sparsity = 0.5, .forward_sparsity = {0.6, 90}});
                       }),
                       "forward_sparsity must be from 0 to 1; 90"));
}

TEST(SparsityRange, AParameterThatLosesItsLastConnectionIsNamedOnce) {
  const Parameter p = dense_parameter("tiny", {4, 4}, 10);
  LogCapture log;
  GMP algorithm({.sparsity = Linear{.init = 0, .slope = 0.25}});
  algorithm.apply({p});
  run(algorithm, {p}, 12);
  EXPECT_EQ(p.nnz(), 0);
  ASSERT_EQ(log.messages.size(), 1U);
  EXPECT_TRUE(contains(log.messages[0], "'tiny' without a connection"));
}

TEST(SparsityByName, TakesGlobsAndTheWholeNameBeforeThem) {
  const Parameters parameters = weights();
  Static algorithm({.sparsity = {0.9, {{"fc*", 0.5}, {"fc2.weight", 0.2}}}});
  algorithm.apply(parameters);
  EXPECT_EQ(parameters[0].nnz(), 200);
  EXPECT_EQ(parameters[1].nnz(), 160);
  Static twice({.sparsity = {0.9, {{"fc*", 0.5}, {"*.weight", 0.2}}}});
  EXPECT_TRUE(
      contains(message_of<ConfigError>([&] { twice.apply(weights()); }), "'*.weight' and 'fc*' take 'fc1.weight'"));
  prune(parameters, magnitude_scores, {.sparsity = {{"fc*", 0.75}}});
  EXPECT_EQ(parameters[0].nnz(), 100);
}

TEST(SparsityByName, ANameOfNoParameterIsWarnedAboutWithTheNearest) {
  LogCapture log;
  Static({.sparsity = {0.9, {{"fc2.wieght", 0.5}, {"fc3.*", 0.5}, {"fc1.*", 0.2}}}}).apply(weights());
  ASSERT_EQ(log.messages.size(), 2U);
  EXPECT_TRUE(contains(log.messages[0], "the sparsity of Static for 'fc2.wieght' is for none"));
  EXPECT_TRUE(contains(log.messages[0], "they are 'fc2.weight', 'fc1.weight'"));
  EXPECT_TRUE(contains(log.messages[1], "'fc3.*'"));
}

// ---- Which parameters ----

TEST(RankOne, ABareAlgorithmThatTakesBiasesWarns) {
  const Parameters parameters = network();
  {
    LogCapture log;
    Static(0.5).apply(parameters);
    ASSERT_EQ(log.messages.size(), 1U);
    EXPECT_TRUE(contains(log.messages[0], "Static makes parameters of rank 1 sparse, too: 'fc1.bias'"));
    EXPECT_TRUE(contains(log.messages[0], "Group({{default_sparse_param_filter, Static(...)}})"));
  }
  LogCapture log;
  Group({{default_sparse_param_filter, Static(0.5)}}).apply(parameters);
  Static(0.5).apply({dense_parameter("bias", {10}, 4)});  // nothing else: it was meant
  EXPECT_TRUE(log.messages.empty());
}

std::vector<std::string> warnings_of(Group group, const Parameters& parameters) {
  LogCapture log;
  group.apply(parameters);
  return log.messages;
}

TEST(Filter, AGlobOfSeveralThatMatchesNothingIsWarnedAboutWithTheNames) {
  const auto messages = warnings_of({{{"fc1.w*", "fc3.wieght"}, Static(0.5)}}, network());
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_TRUE(contains(messages[0], "the glob 'fc3.wieght' of entry 0 (Static) matches none of 3"));
  EXPECT_TRUE(contains(messages[0], "'fc1.weight', 'fc2.weight', 'fc1.bias'"));
  EXPECT_TRUE(contains(messages[0], "globs know * ? [abc] [!abc]"));
}

TEST(Filter, AnEntryThatEarlierOnesLeaveNothingIsWarnedAbout) {
  const auto messages = warnings_of({{"fc*.weight", Static(0.5)}, {"fc2.weight", Static(0.9)}}, network());
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_TRUE(contains(messages[0], "entries before it take all that the filter of entry 1 (Static), 'fc2.weight'"));
}

TEST(Filter, AGlobThatTakesBiasesBesideWeightsIsWarnedAboutUnlessTheyAreNamed) {
  const auto messages = warnings_of({{"fc1.*", Static(0.5)}}, network());
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_TRUE(contains(messages[0],
                       "the filter of entry 0 (Static), 'fc1.*', takes parameters of rank 1, too: 'fc1.bias'; name the "
                       "weights alone, as 'fc*.weight' does"));
  EXPECT_TRUE(warnings_of({{{"fc1.weight", "fc1.bias"}, Static(0.5)}}, network()).empty());
  EXPECT_TRUE(warnings_of({{"*.bias", Static(0.5)}}, network()).empty());
}

TEST(Filter, AModelWithoutParametersIsCalledThat) {
  const auto messages = warnings_of({{"fc1.weight", Static(0.5)}}, {});
  ASSERT_FALSE(messages.empty());
  EXPECT_TRUE(contains(messages[0], "finds no parameter in the model; register_parameter and register_module tell"));
}

TEST(Filter, AMatchWithRequiresDenseIsCalledThat) {
  const Parameters parameters = network();
  parameters[2].set_requires_dense();
  const auto messages = warnings_of({{"fc1.w*", Static(0.5)}, {"fc2.*", Static(0.9)}}, parameters);
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_TRUE(contains(messages[0], "'fc2.*', matches only what has requires_dense: 'fc2.weight'"));
}

// ---- Algorithms that go too early ----

// Warnings of two steps after the algorithm went at step 1.
template <class Make>
std::vector<std::string> warnings_without(Make&& make) {
  const Parameters parameters = weights();
  optim::SGD optimizer(parameters, {.lr = 0.1});
  LogCapture log;
  {
    auto algorithm = make();
    algorithm.apply(parameters);
    optimizer.apply(algorithm);
    give_gradients(parameters, 5);
    optimizer.step();
  }
  optimizer.step();
  optimizer.step();
  return log.messages;
}

TEST(Lifetime, AnAlgorithmThatGoesBeforeItsUpdatesIsMissedOnce) {
  const auto messages = warnings_without([] { return SET({.sparsity = 0.5, .update = {.freq = 5}}); });
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_TRUE(contains(messages[0], "the SET of this optimizer is gone, with updates to come"));
  EXPECT_EQ(warnings_without([] { return Group({{"fc1*", SET(0.5)}}); }).size(), 1U);
}

TEST(Lifetime, AnAlgorithmWithoutUpdatesToComeIsNotMissed) {
  EXPECT_TRUE(warnings_without([] { return Static(0.5); }).empty());
  EXPECT_TRUE(warnings_without([] { return Group({{"fc1*", Static(0.5)}}); }).empty());
  EXPECT_TRUE(warnings_without([] { return SET({.sparsity = 0.5, .update = {.freq = 1, .stop = 2}}); }).empty());
  EXPECT_TRUE(warnings_without([] {
                SET set(0.5);
                set.set_autoupdate(false);
                return set;
              }).empty());
}

// ---- States of other algorithms ----

TEST(AlgorithmState, OfAnotherAlgorithmIsRefused) {
  SET set(0.5);
  set.apply(weights());
  RigL rigl(0.5);
  rigl.apply(weights());
  run(set, {}, 2);
  const std::string message = message_of<FormatError>([&] { rigl.load_state_dict(set.state_dict()); });
  EXPECT_TRUE(contains(message, "'algorithm' must be RigL, not SET"));
  EXPECT_EQ(rigl.state_dict().at("optimizers.0.step").item<int64_t>(), 0);
}

TEST(AlgorithmState, OfOtherParametersIsRefusedWithTheirNames) {
  SET all(0.5);
  all.apply(weights());
  const Parameters parameters = weights();
  SET one(0.5);
  one.apply({parameters[1]});
  const std::string more = message_of<FormatError>([&] { one.load_state_dict(all.state_dict()); });
  EXPECT_TRUE(contains(more, "'parameters' have 'fc1.weight', which the algorithm has not"));
  const std::string less = message_of<FormatError>([&] { all.load_state_dict(one.state_dict()); });
  EXPECT_TRUE(contains(less, "'parameters' lack 'fc1.weight', which the algorithm has"));
}

TEST(AlgorithmState, OfEarlyVersionsWithoutNamesIsRead) {
  SET saved(0.5);
  saved.apply(weights());
  saved.update();
  StateDict state = saved.state_dict();
  EXPECT_EQ(state.erase("algorithm") + state.erase("parameters"), 2U);
  SET loaded(0.5);
  loaded.apply(weights());
  loaded.load_state_dict(state);
  EXPECT_EQ(loaded.state_dict().at("optimizers.0.step").item<int64_t>(), 1);
}

// ---- Algorithms of applications ----

// Ranks by Adam's first moment.
class ByMoment final : public DynamicSparsityAlgorithm {
 public:
  ByMoment() : DynamicSparsityAlgorithm("ByMoment", {.sparsity = 0.5}, {.freq = 2}) {}

 protected:
  Tensor update_mask(const SparseParameter& p, const Tensor& mask, const PlanContext& context) override {
    const Tensor moment = context.dense_state(p, "exp_avg");
    EXPECT_EQ(moment.shape(), mask.shape());
    const Tensor held = context.optimizer->state(p.param())["exp_avg"].tensor();
    EXPECT_TRUE(p.pattern()->gather(moment).numel() == held.numel());
    sum = 0;
    for (const float m : moment.span<float>()) sum += std::abs(m);
    double sum_held = 0;
    for (const float m : held.span<float>()) sum_held += std::abs(m);
    EXPECT_NEAR(sum, sum_held, 1e-6 * sum_held);
    ++updates;
    return mask;
  }

 public:
  int updates = 0;
  double sum = 0;  // of the last moment's magnitudes
};

TEST(CustomAlgorithm, ReadsTheStatesOfTheOptimizer) {
  const Parameters parameters = weights();
  optim::Adam optimizer(parameters, {.lr = 0.1});
  ByMoment algorithm;
  algorithm.apply(parameters);
  EXPECT_TRUE(contains(message_of<StateError>([&] {
                         for (int i = 0; i < 2; ++i) {
                           give_gradients(parameters, 9);
                           algorithm.update();
                         }
                       }),
                       "dense_state: there must be an optimizer"));
  optimizer.apply(algorithm);
  for (uint64_t step = 0; step < 4; ++step) {
    give_gradients(parameters, 20 + step);
    optimizer.step();
  }
  EXPECT_EQ(algorithm.updates, 4);  // two of each parameter
  EXPECT_GT(algorithm.sum, 0);
}

}  // namespace
}  // namespace gossamer::sparse::test_warnings
