// What schedulers do to the rates of an optimizer, and how they are saved.
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/optim/lr_scheduler.h"
#include "gossamer/optim/sgd.h"
#include "tests/optim/support.h"

namespace gossamer::optim::test_lr_scheduler {
namespace {

SGD two_groups() {
  return SGD({{{parameter({1}, "a")}, {.lr = 1, .momentum = 0.5}}, {{parameter({1}, "b")}, {.lr = 4}}});
}

std::vector<double> rates(const Optimizer& optimizer) {
  std::vector<double> rates;
  for (size_t group = 0; group < optimizer.num_param_groups(); ++group) rates.push_back(optimizer.lr(group));
  return rates;
}

using Rates = std::vector<double>;

TEST(LrScheduler, SetsTheRatesOfAllGroupsFromTheStart) {
  SGD optimizer = two_groups();
  LrScheduler scheduler(optimizer, lr::Constant{.factor = 0.5, .total_iters = 1});
  EXPECT_EQ(rates(optimizer), (Rates{0.5, 2}));
  scheduler.step(optimizer);
  EXPECT_EQ(rates(optimizer), (Rates{1, 4}));
  EXPECT_EQ(scheduler.steps(), 1);
}

TEST(LrScheduler, TakesAScheduleForEachGroup) {
  SGD optimizer = two_groups();
  LrScheduler scheduler(optimizer, {lr::Exponential{.gamma = 0.5}, lr::Constant{.factor = 0.25, .total_iters = 9}});
  scheduler.step(optimizer);
  EXPECT_EQ(rates(optimizer), (Rates{0.5, 1}));
}

TEST(LrScheduler, LeavesTheOtherGroupsAloneWhenItIsForOne) {
  SGD optimizer = two_groups();
  LrScheduler scheduler(optimizer, lr::Exponential{.gamma = 0.5}, 1);
  optimizer.set_lr(0, 7);
  scheduler.step(optimizer);
  scheduler.step(optimizer);
  EXPECT_EQ(rates(optimizer), (Rates{7, 1}));
}

TEST(LrScheduler, TakesAScheduleOfTheConfigurationAsTheFactor) {
  SGD optimizer = two_groups();
  LrScheduler scheduler(optimizer, Schedule({0.5, 0.25}));
  EXPECT_EQ(rates(optimizer), (Rates{0.5, 2}));
  scheduler.step(optimizer);
  EXPECT_EQ(rates(optimizer), (Rates{0.25, 1}));
}

TEST(LrScheduler, FollowsAnOptimizerThatMoves) {
  SGD optimizer = two_groups();
  LrScheduler scheduler(optimizer, lr::Exponential{.gamma = 0.5});
  SGD moved = std::move(optimizer);
  scheduler.step(moved);
  EXPECT_EQ(rates(moved), (Rates{0.5, 2}));
}

TEST(LrScheduler, RefusesAnotherOptimizer) {
  SGD optimizer = two_groups();
  SGD other = two_groups();
  LrScheduler scheduler(optimizer, lr::Exponential{.gamma = 0.5});
  EXPECT_THROW(scheduler.step(other), StateError);
  EXPECT_EQ(rates(other), (Rates{1, 4}));
  EXPECT_EQ(scheduler.steps(), 0);
}

TEST(LrScheduler, RefusesSchedulesThatDoNotMatchTheGroups) {
  SGD optimizer = two_groups();
  EXPECT_THROW(LrScheduler(optimizer, std::vector<LrSchedule>{lr::Step{}}), ConfigError);
  EXPECT_THROW(LrScheduler(optimizer, lr::Constant{}, 2), ConfigError);
  EXPECT_EQ(rates(optimizer), (Rates{1, 4}));
}

TEST(LrScheduler, ChangesNothingWhereOneOfTheRatesIsNoRate) {
  SGD optimizer = two_groups();
  const LrSchedule turns_negative = Schedule(schedule::Linear{.init = 1, .slope = -2});
  LrScheduler scheduler(optimizer, {lr::Exponential{.gamma = 0.5}, turns_negative});
  EXPECT_THROW(scheduler.step(optimizer), ConfigError);
  EXPECT_EQ(rates(optimizer), (Rates{1, 4}));
  EXPECT_EQ(scheduler.steps(), 0);
}

TEST(LrScheduler, ChangesNothingWhereAScheduleThrows) {
  SGD optimizer = two_groups();
  const LrSchedule throws = Schedule(schedule::Lambda{[](int64_t step) -> double {
    if (step > 0) throw std::runtime_error("no rate");
    return 1;
  }});
  LrScheduler scheduler(optimizer, {lr::Exponential{.gamma = 0.5}, throws});
  EXPECT_THROW(scheduler.step(optimizer), std::runtime_error);
  EXPECT_EQ(rates(optimizer), (Rates{1, 4}));
  EXPECT_EQ(scheduler.steps(), 0);
}

TEST(LrScheduler, GoesOnFromItsStateDict) {
  SGD optimizer = two_groups();
  LrScheduler scheduler(optimizer, lr::Exponential{.gamma = 0.5});
  scheduler.step(optimizer);
  const StateDict of_scheduler = scheduler.state_dict();
  const StateDict of_optimizer = optimizer.state_dict();

  SGD resumed = two_groups();
  resumed.set_lr(0, 100);
  LrScheduler other(resumed, lr::Exponential{.gamma = 0.5});
  resumed.load_state_dict(of_optimizer);
  other.load_state_dict(of_scheduler);
  EXPECT_EQ(rates(resumed), rates(optimizer));
  other.step(resumed);
  EXPECT_EQ(rates(resumed), (Rates{0.25, 1}));
}

TEST(LrScheduler, RefusesAStateDictOfOtherGroupsNamingAllThatDoesNotFit) {
  SGD optimizer = two_groups();
  LrScheduler scheduler(optimizer, lr::Exponential{.gamma = 0.5});
  LrScheduler of_one(optimizer, lr::Exponential{.gamma = 0.5}, 1);
  EXPECT_THROW(scheduler.load_state_dict(of_one.state_dict()), FormatError);
  StateDict bad = scheduler.state_dict();
  bad["step"] = Tensor::from<int64_t>({-1}, Shape{});
  bad["base_lr.1"] = Tensor::from<double>({-1}, Shape{});
  const std::string message = message_of<FormatError>([&] { scheduler.load_state_dict(bad); });
  EXPECT_NE(message.find("'step'"), std::string::npos) << message;
  EXPECT_NE(message.find("'base_lr.1'"), std::string::npos) << message;
  scheduler.step(optimizer);
  EXPECT_EQ(rates(optimizer), (Rates{0.5, 2}));
}

// The rates after each of some metrics, from 1 on.
Rates rates_after(const PlateauOptions& options, const std::vector<double>& metrics) {
  SGD optimizer({parameter({1})}, {.lr = 1});
  ReduceLrOnPlateau scheduler(options);
  Rates after;
  for (const double metric : metrics) {
    scheduler.step(optimizer, metric);
    after.push_back(optimizer.lr(0));
  }
  return after;
}

TEST(ReduceLrOnPlateau, LooksForLargerMetricsOnRequest) {
  EXPECT_EQ(rates_after({.mode = PlateauMode::Max, .factor = 0.5, .patience = 0}, {0.1, 0.2, 0.2, 0.3, 0.1}),
            (Rates{1, 1, 0.5, 0.5, 0.25}));
}

TEST(ReduceLrOnPlateau, CountsOnlyImprovementsAboveTheThreshold) {
  const std::vector<double> metrics = {10, 9.5, 8};
  EXPECT_EQ(rates_after({.factor = 0.5, .patience = 0, .threshold = 0.1}, metrics), (Rates{1, 0.5, 0.5}));
  EXPECT_EQ(rates_after({.factor = 0.5, .patience = 0, .threshold = 0.1, .threshold_mode = PlateauThreshold::Absolute},
                        metrics),
            (Rates{1, 1, 1}));
}

TEST(ReduceLrOnPlateau, TakesNaNForNoImprovement) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(rates_after({.factor = 0.5, .patience = 1}, {nan, nan, 1, nan}), (Rates{1, 0.5, 0.5, 0.5}));
}

TEST(ReduceLrOnPlateau, StopsAtTheSmallestRateAndLeavesOutTinyReductions) {
  EXPECT_EQ(rates_after({.factor = 0.5, .patience = 0, .min_lr = 0.4}, {1, 1, 1, 1}), (Rates{1, 0.5, 0.4, 0.4}));
  EXPECT_EQ(rates_after({.factor = 0.5, .patience = 0, .eps = 0.3}, {1, 1, 1, 1}), (Rates{1, 0.5, 0.5, 0.5}));
}

TEST(ReduceLrOnPlateau, ReducesOneGroupOnRequest) {
  SGD optimizer = two_groups();
  ReduceLrOnPlateau scheduler({.factor = 0.5, .patience = 0, .group = 1});
  scheduler.step(optimizer, 1);
  scheduler.step(optimizer, 1);
  EXPECT_EQ(rates(optimizer), (Rates{1, 2}));
}

TEST(ReduceLrOnPlateau, ChangesNothingWhereThereIsNoSuchGroup) {
  SGD optimizer = two_groups();
  ReduceLrOnPlateau scheduler({.factor = 0.5, .patience = 0, .group = 2});
  scheduler.step(optimizer, 1);
  const StateDict before = scheduler.state_dict();
  EXPECT_THROW(scheduler.step(optimizer, 1), ConfigError);
  EXPECT_EQ(scheduler.state_dict().at("bad_steps").data<int64_t>()[0], before.at("bad_steps").data<int64_t>()[0]);
}

TEST(ReduceLrOnPlateau, GoesOnFromItsStateDict) {
  const PlateauOptions options{.factor = 0.5, .patience = 1, .cooldown = 1};
  for (size_t cut = 0; cut < 8; ++cut) {
    SGD optimizer({parameter({1})}, {.lr = 1});
    std::optional<ReduceLrOnPlateau> scheduler(options);
    for (size_t i = 0; i < 8; ++i) {
      if (i == cut) {
        const StateDict dict = scheduler->state_dict();
        scheduler.emplace(options).load_state_dict(dict);
      }
      scheduler->step(optimizer, 1);
    }
    EXPECT_EQ(optimizer.lr(0), 0.25) << "cut at " << cut;
    EXPECT_EQ(scheduler->best(), 1);
  }
}

TEST(ReduceLrOnPlateau, RefusesAStateDictThatIsNotOfItsKind) {
  ReduceLrOnPlateau scheduler;
  EXPECT_THROW(scheduler.load_state_dict({}), FormatError);
  StateDict bad = scheduler.state_dict();
  bad["cooldown"] = Tensor::from<int64_t>({-1}, Shape{});
  EXPECT_THROW(scheduler.load_state_dict(bad), FormatError);
}

TEST(ReduceLrOnPlateau, RefusesOptionsOutOfTheirRange) {
  for (const PlateauOptions& options :
       {PlateauOptions{.factor = 1}, PlateauOptions{.patience = -1}, PlateauOptions{.threshold = -1},
        PlateauOptions{.cooldown = -1}, PlateauOptions{.min_lr = -1}, PlateauOptions{.eps = -1}}) {
    EXPECT_NE(message_of<ConfigError>([&] { ReduceLrOnPlateau refused(options); }).find("ReduceLrOnPlateau: "),
              std::string::npos);
  }
}

}  // namespace
}  // namespace gossamer::optim::test_lr_scheduler
