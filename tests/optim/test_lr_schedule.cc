// The shapes of learning-rate schedules, 40 steps of each against torch.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <stdexcept>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/optim/lr_schedule.h"
#include "gossamer/optim/lr_scheduler.h"
#include "gossamer/optim/sgd.h"
#include "tests/optim/support.h"
#include "tests/support/golden.h"

namespace gossamer::optim::test_lr_schedule {
namespace {

using golden::Json;

lr::OneCycle one_cycle(const Json& attrs) {
  return {.max_lr = attrs.at("max_lr"),
          .total_steps = attrs.at("total_steps"),
          .pct_start = attrs.at("pct_start"),
          .anneal = attrs.at("anneal_strategy") == "cos" ? lr::Anneal::Cos : lr::Anneal::Linear,
          .three_phase = attrs.value("three_phase", false)};
}

lr::Cyclic cyclic(const Json& attrs) {
  return {.base_lr = attrs.at("base_lr"),
          .max_lr = attrs.at("max_lr"),
          .step_size_up = attrs.at("step_size_up"),
          .step_size_down = attrs.at("step_size_down").get<int64_t>(),
          .mode = lr::CyclicMode::Triangular2};
}

// The two functions that the file describes in words.
Schedule lambda(const std::string& id) {
  if (id == "LambdaLR.0") {
    return schedule::Lambda{[](int64_t step) {
      const auto t = static_cast<double>(step);
      return std::min((t + 1) / 8, std::sqrt(8 / (t + 1)));
    }};
  }
  return schedule::Lambda{[](int64_t step) {
    const auto t = static_cast<double>(step);
    return t < 10 ? t / 10 : (1 + std::cos(std::numbers::pi * (t - 10) / 30)) / 2;
  }};
}

LrSchedule schedule_of(const Json& c) {
  const std::string kind = c.at("scheduler");
  const std::string id = c.at("id");
  const Json& attrs = c.at("attrs");
  if (kind == "StepLR") return lr::Step{.step_size = attrs.at("step_size"), .gamma = attrs.at("gamma")};
  if (kind == "MultiStepLR") {
    return lr::MultiStep{.milestones = attrs.at("milestones").get<std::vector<int64_t>>(), .gamma = attrs.at("gamma")};
  }
  if (kind == "ConstantLR") return lr::Constant{.factor = attrs.at("factor"), .total_iters = attrs.at("total_iters")};
  if (kind == "LinearLR") {
    return lr::Linear{.start_factor = attrs.at("start_factor"),
                      .end_factor = attrs.at("end_factor"),
                      .total_iters = attrs.at("total_iters")};
  }
  if (kind == "ExponentialLR") return lr::Exponential{.gamma = attrs.at("gamma")};
  if (kind == "PolynomialLR") return lr::Polynomial{.total_iters = attrs.at("total_iters"), .power = attrs.at("power")};
  if (kind == "CosineAnnealingLR") {
    return lr::CosineAnnealing{.t_max = attrs.at("T_max"), .eta_min = attrs.at("eta_min")};
  }
  if (kind == "CosineAnnealingWarmRestarts") {
    return lr::CosineAnnealingWarmRestarts{
        .t_0 = attrs.at("T_0"), .t_mult = attrs.at("T_mult"), .eta_min = attrs.at("eta_min")};
  }
  if (kind == "OneCycleLR") return one_cycle(attrs);
  if (kind == "CyclicLR") return cyclic(attrs);
  if (kind == "LambdaLR") return lambda(id);
  if (id == "SequentialLR.0") {
    return lr::Sequential{.schedules = {lr::Linear{.start_factor = 0.1, .end_factor = 1, .total_iters = 5},
                                        lr::CosineAnnealing{.t_max = 35}},
                          .milestones = attrs.at("milestones").get<std::vector<int64_t>>()};
  }
  if (id == "SequentialLR.1") {
    return lr::Sequential{.schedules = {lr::Constant{.factor = 0.5, .total_iters = 8}, lr::Exponential{.gamma = 0.9}},
                          .milestones = attrs.at("milestones").get<std::vector<int64_t>>()};
  }
  throw std::out_of_range(id);
}

// With one group, or as many as the case has base rates.
SGD optimizer_of(const Json& c) {
  std::vector<SGD::Group> groups;
  for (const Json& base : c.at("base_lr")) groups.emplace_back(std::vector{parameter({1})}, SgdOptions{.lr = base});
  return SGD(groups);
}

// The rates are written down as a number where there is one group.
void expect_rates(const Optimizer& optimizer, const Json& expected) {
  const std::vector<double> rates =
      expected.is_array() ? expected.get<std::vector<double>>() : std::vector{expected.get<double>()};
  ASSERT_EQ(optimizer.num_param_groups(), rates.size());
  for (size_t group = 0; group < rates.size(); ++group) {
    EXPECT_NEAR(optimizer.lr(group), rates[group], 1e-12 * rates[group] + 1e-17);
  }
}

void follow_plateau(const Json& c) {
  const Json& attrs = c.at("attrs");
  SGD optimizer = optimizer_of(c);
  ReduceLrOnPlateau scheduler({.factor = attrs.at("factor"),
                               .patience = attrs.at("patience"),
                               .threshold = attrs.at("threshold"),
                               .cooldown = attrs.at("cooldown"),
                               .min_lr = attrs.at("min_lr")});
  for (size_t t = 0; t < c.at("lr").size(); ++t) {
    SCOPED_TRACE("step " + std::to_string(t));
    expect_rates(optimizer, c["lr"][t]);
    if (t < c.at("metrics").size()) scheduler.step(optimizer, c["metrics"][t]);
  }
}

TEST(LrSchedules, EqualTorch) {
  const Json file = golden::load("torch_lr.json");
  for (const Json& c : file.at("cases")) {
    SCOPED_TRACE(c.at("id").get<std::string>());
    if (c.at("scheduler") == "ReduceLROnPlateau") {
      follow_plateau(c);
      continue;
    }
    SGD optimizer = optimizer_of(c);
    LrScheduler scheduler(optimizer, schedule_of(c));
    EXPECT_EQ(c.at("lr").size(), 40U);
    for (const Json& expected : c.at("lr")) {
      SCOPED_TRACE("step " + std::to_string(scheduler.steps()));
      expect_rates(optimizer, expected);
      scheduler.step(optimizer);
    }
  }
}

TEST(LrSchedules, GiveTheMomentumOfTorch) {
  const Json file = golden::load("torch_lr.json");
  int followed = 0;
  for (const Json& c : file.at("cases")) {
    if (!c.contains("momentum")) continue;
    SCOPED_TRACE(c.at("id").get<std::string>());
    ++followed;
    for (int64_t t = 0; t < 40; ++t) {
      const Json& attrs = c.at("attrs");
      const double momentum =
          c.at("scheduler") == "OneCycleLR" ? one_cycle(attrs).momentum(t) : cyclic(attrs).momentum(t);
      EXPECT_NEAR(momentum, c["momentum"].at(static_cast<size_t>(t)).get<double>(), 1e-12) << "step " << t;
    }
  }
  EXPECT_EQ(followed, 3);
}

TEST(LrSchedules, MultiplyTheirFactorsWhenChained) {
  const LrSchedule chained = lr::Chained{{lr::Linear{.start_factor = 0.5, .total_iters = 4}, lr::Step{.step_size = 3}}};
  const std::vector<double> expected = {0.5, 0.625, 0.75, 0.0875, 0.1, 0.1, 0.01};
  for (size_t t = 0; t < expected.size(); ++t) {
    EXPECT_NEAR(chained.at(2, static_cast<int64_t>(t)), 2 * expected[t], 1e-15) << "step " << t;
  }
}

TEST(LrSchedules, StayAtTheLastRateOfAOneCyclePolicy) {
  for (const bool three_phase : {false, true}) {
    const LrSchedule cycle = lr::OneCycle{.max_lr = 1, .total_steps = 10, .div_factor = 4, .three_phase = three_phase};
    EXPECT_DOUBLE_EQ(cycle.at(0, 9), 0.25e-4);
    EXPECT_DOUBLE_EQ(cycle.at(0, 1000000), 0.25e-4);
  }
  const LrSchedule at_once = lr::OneCycle{.max_lr = 1, .total_steps = 1, .pct_start = 1};
  EXPECT_TRUE(std::isfinite(at_once.at(0, 0)));
}

TEST(LrSchedules, ScaleTheHeightOfACycleAsItsModeSays) {
  const auto peaks = [](lr::CyclicMode mode) {
    const LrSchedule cycle = lr::Cyclic{.base_lr = 0, .max_lr = 1, .step_size_up = 2, .mode = mode, .gamma = 0.5};
    return std::vector<double>{cycle.at(0, 2), cycle.at(0, 6), cycle.at(0, 10)};
  };
  EXPECT_EQ(peaks(lr::CyclicMode::Triangular), (std::vector<double>{1, 1, 1}));
  EXPECT_EQ(peaks(lr::CyclicMode::Triangular2), (std::vector<double>{1, 0.5, 0.25}));
  EXPECT_EQ(peaks(lr::CyclicMode::ExpRange), (std::vector<double>{0x1p-2, 0x1p-6, 0x1p-10}));
}

TEST(LrSchedules, RestartAfterEqualPeriodsWhereTheyDoNotGrow) {
  const LrSchedule restarts = lr::CosineAnnealingWarmRestarts{.t_0 = 4};
  EXPECT_EQ(restarts.at(1, 4), 1);
  EXPECT_EQ(restarts.at(1, 4000000001), restarts.at(1, 1));
}

template <class Shape>
void expect_refused(const std::vector<Shape>& bad, const std::string& name) {
  for (const Shape& shape : bad) {
    const std::string message = message_of<ConfigError>([&] { LrSchedule refused(shape); });
    EXPECT_TRUE(message.starts_with(name + ": ")) << message;
  }
}

TEST(LrSchedules, RefuseMembersOutOfTheirRange) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const LrSchedule some = lr::Step{};
  expect_refused<lr::Step>({{.step_size = 0}, {.gamma = -1}}, "lr::Step");
  expect_refused<lr::MultiStep>({{.milestones = {1}, .gamma = nan}}, "lr::MultiStep");
  expect_refused<lr::Constant>({{.factor = -1}, {.total_iters = -1}}, "lr::Constant");
  expect_refused<lr::Linear>({{.start_factor = -1}, {.end_factor = nan}, {.total_iters = 0}}, "lr::Linear");
  expect_refused<lr::Exponential>({{.gamma = -1}}, "lr::Exponential");
  expect_refused<lr::Polynomial>({{.total_iters = 0}, {.power = 0}}, "lr::Polynomial");
  expect_refused<lr::CosineAnnealing>({{.t_max = 0}, {.eta_min = -1}}, "lr::CosineAnnealing");
  expect_refused<lr::CosineAnnealingWarmRestarts>({{.t_0 = 0}, {.t_mult = 0}, {.eta_min = nan}},
                                                  "lr::CosineAnnealingWarmRestarts");
  expect_refused<lr::OneCycle>({{.max_lr = -1},
                                {.total_steps = 0},
                                {.pct_start = 1.1},
                                {.pct_start = 0.6, .three_phase = true},
                                {.div_factor = 0},
                                {.final_div_factor = 0},
                                {.base_momentum = -1},
                                {.max_momentum = nan}},
                               "lr::OneCycle");
  expect_refused<lr::Cyclic>({{.base_lr = -1},
                              {.base_lr = 0.2, .max_lr = 0.1},
                              {.step_size_up = 0},
                              {.step_size_down = 0},
                              {.gamma = 1.1},
                              {.base_momentum = -1},
                              {.base_momentum = 0.8, .max_momentum = 0.7}},
                             "lr::Cyclic");
  expect_refused<lr::Sequential>({{},
                                  {.schedules = {some, some}},
                                  {.schedules = {some, some}, .milestones = {0}},
                                  {.schedules = {some, some, some}, .milestones = {3, 3}}},
                                 "lr::Sequential");
  expect_refused<lr::Chained>({{}}, "lr::Chained");
  EXPECT_THROW(some.at(1, -1), ConfigError);
}

}  // namespace
}  // namespace gossamer::optim::test_lr_schedule
