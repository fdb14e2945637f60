// Schedules and update schedules, against the reference vectors and in what those cannot say.
#include <gtest/gtest.h>

#include <cctype>
#include <cmath>
#include <cstdint>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/sparse/schedule.h"
#include "tests/parameter/support.h"
#include "tests/support/golden.h"

namespace gossamer::sparse {
namespace {

using golden::Json;
using golden::number;
using test::contains;

// Reference values are float32; its exp, pow and cos may differ from ours in the last bit.
void expect_float(float actual, const Json& expected) {
  const double e = number(expected);
  EXPECT_NEAR(actual, e, 1e-7 + 3e-7 * std::abs(e));
}

// Only those specs that C++ types can express: an unknown type or key does not compile.
Schedule schedule_from(const Json& spec) {
  if (spec.is_number()) return spec.get<double>();
  const auto get = [&](const char* key, double otherwise) { return spec.value(key, otherwise); };
  std::string type = spec.at("type");
  for (char& c : type) c = static_cast<char>(std::tolower(c));
  if (type == "constant") return Constant{spec.at("value")};
  if (type == "linear") return Linear{.init = spec.at("init"), .slope = spec.at("slope")};
  if (type == "exp") return Exp{.init = spec.at("init"), .gamma = spec.at("gamma"), .final = get("final", 1)};
  if (type == "power") return Power{.init = spec.at("init"), .beta = spec.at("beta")};
  if (type == "cosine") {
    return Cosine{.init = spec.at("init"), .half_period = spec.at("half_period"), .minimum = get("minimum", 0)};
  }
  throw std::runtime_error("no schedule of type " + type);
}

void expect_min_max_end(const Schedule& schedule, const Json& expected) {
  const MinMaxEnd range = schedule.min_max_end(0, 1000);
  expect_float(range.min, expected[0]);
  expect_float(range.max, expected[1]);
  expect_float(range.end, expected[2]);
}

TEST(Schedule, GivesTheValuesOfTheReference) {
  // A spec without a type, with an unknown one, as text or without a required key exists in YAML only.
  const std::set<std::string> yaml_only{"schedule.15", "schedule.16", "schedule.17", "schedule.18"};
  int compared = 0;
  const Json file = golden::load("cstorch_sparse.json");
  for (const Json& test_case : file.at("cases")) {
    if (test_case.at("kind") != "schedule" || yaml_only.contains(test_case.at("id"))) continue;
    SCOPED_TRACE(test_case.at("id").get<std::string>());
    const Json& in = test_case.at("in");
    const Json& out = test_case.at("out");
    if (out.contains("error")) {
      EXPECT_THROW(schedule_from(in.at("spec")), ConfigError);
    } else {
      const Schedule schedule = schedule_from(in.at("spec"));
      for (size_t i = 0; i < in.at("steps").size(); ++i) {
        SCOPED_TRACE(in.at("steps")[i].get<int64_t>());
        expect_float(schedule.at({.step = in.at("steps")[i]}), out.at("values")[i]);
      }
      expect_min_max_end(schedule, out.at("min_max_end_0_1000"));
    }
    ++compared;
  }
  EXPECT_EQ(compared, 16);
}

TEST(Schedule, CyclingMovesOnAtUpdateStepsAsInTheReference) {
  int compared = 0;
  const Json file = golden::load("cstorch_sparse.json");
  for (const Json& test_case : file.at("cases")) {
    if (test_case.at("kind") != "cycling") continue;
    SCOPED_TRACE(test_case.at("id").get<std::string>());
    const Json& out = test_case.at("out");
    const Schedule schedule = Cycling{test_case.at("in").at("values")};
    ScheduleTime time;
    for (size_t i = 0; i < out.at("values").size(); ++i) {
      expect_float(schedule.at(time), out.at("values")[i]);
      ++time.step;
      time.updates += test_case.at("in").at("is_update")[i].get<int>();
    }
    expect_min_max_end(schedule, out.at("min_max_end_0_1000"));
    ++compared;
  }
  EXPECT_EQ(compared, 4);
}

TEST(Schedule, ANumberIsConstantAndAListCycles) {
  EXPECT_TRUE(Schedule(0.5).is_constant());
  const Schedule cycling{0.25, 0.5};
  EXPECT_FALSE(cycling.is_constant());
  EXPECT_EQ(cycling.at({.step = 7, .updates = 0}), 0.25F);
  EXPECT_EQ(cycling.at({.step = 7, .updates = 3}), 0.5F);
}

TEST(Schedule, LambdaIsAnyFunctionOfTheStep) {
  const Schedule schedule = Lambda{[](int64_t step) { return step < 10 ? 0.1 : 0.2; }};
  EXPECT_EQ(schedule.at({.step = 9}), 0.1F);
  EXPECT_EQ(schedule.at({.step = 10}), 0.2F);
  const MinMaxEnd range = schedule.min_max_end(0, 20);
  EXPECT_EQ(range.min, 0.1F);
  EXPECT_EQ(range.max, 0.2F);
  EXPECT_EQ(range.end, 0.2F);
}

TEST(Schedule, RefusesWhatHasNoValue) {
  EXPECT_TRUE(contains(message_of<ConfigError>([] { Schedule s(Cosine{.init = 0.3, .half_period = -1}); }), "Cosine"));
  EXPECT_THROW(Schedule(Cosine{.init = 0.3, .half_period = std::nan("")}), ConfigError);
  EXPECT_TRUE(contains(message_of<ConfigError>([] { Schedule s(Cycling{}); }), "Cycling"));
  EXPECT_TRUE(contains(message_of<ConfigError>([] { Schedule s(Lambda{}); }), "Lambda"));
}

UpdateSchedule update_schedule_from(const Json& spec) {
  UpdateSchedule schedule;
  if (spec.is_null()) return schedule;
  if (spec.contains("freq")) schedule.freq = spec.at("freq").get<int64_t>();
  schedule.start = spec.value("start", int64_t{0});
  if (spec.contains("stop")) schedule.stop = spec.at("stop").get<int64_t>();
  if (spec.contains("steps")) schedule.steps = spec.at("steps").get<std::vector<int64_t>>();
  return schedule;
}

TEST(UpdateSchedule, ChoosesTheStepsOfTheReference) {
  // An empty map and an unknown key exist in YAML only.
  const std::set<std::string> yaml_only{"update_schedule.17", "update_schedule.19"};
  // Flagged degenerate: the reference takes a negative freq for its absolute value. We refuse it. (The other degenerate
  // case, a start below 0, only shifts the origin; ours does the same.)
  const std::set<std::string> refused{"update_schedule.20"};
  int compared = 0;
  const Json file = golden::load("cstorch_sparse.json");
  for (const Json& test_case : file.at("cases")) {
    if (test_case.at("kind") != "update_schedule" || yaml_only.contains(test_case.at("id"))) continue;
    SCOPED_TRACE(test_case.at("id").get<std::string>());
    const UpdateSchedule schedule = update_schedule_from(test_case.at("in").at("spec"));
    if (test_case.at("out").contains("error") || refused.contains(test_case.at("id"))) {
      EXPECT_THROW(schedule.check(), ConfigError);
    } else {
      schedule.check();
      std::string updates;
      for (int64_t step = 0; step <= 40; ++step) updates += schedule.is_update_step(step) ? '1' : '0';
      EXPECT_EQ(updates, test_case.at("out").at("update").get<std::string>());
    }
    ++compared;
  }
  EXPECT_EQ(compared, 20);
}

TEST(UpdateSchedule, AFunctionDecidesStepByStep) {
  const UpdateSchedule schedule{.fn = [](int64_t step) { return step == 4; }};
  schedule.check();
  EXPECT_TRUE(schedule.is_update_step(4));
  EXPECT_FALSE(schedule.is_update_step(5));
}

TEST(UpdateSchedule, RefusesContradictions) {
  const auto message = [](const UpdateSchedule& schedule) {
    return message_of<ConfigError>([&] { schedule.check(); });
  };
  const auto always = [](int64_t) { return true; };
  EXPECT_TRUE(contains(message({.freq = 2, .steps = std::vector<int64_t>{3}}), "at most one of"));
  EXPECT_TRUE(contains(message({.freq = 2, .fn = always}), "at most one of"));
  EXPECT_TRUE(contains(message({.steps = std::vector<int64_t>{3}, .fn = always}), "at most one of"));
  EXPECT_TRUE(contains(message({.stop = 5}), "need freq"));
  EXPECT_TRUE(contains(message({.start = 5, .fn = always}), "need freq"));
}

}  // namespace
}  // namespace gossamer::sparse
