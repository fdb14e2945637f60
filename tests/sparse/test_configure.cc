// configure: the keys and defaults of the original, and an error with a path for every mistake.
#include "gossamer/sparse/configure.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/sparse/dynamic.h"
#include "gossamer/sparse/static.h"
#include "tests/config/config_from_json.h"
#include "tests/sparse/support.h"

namespace gossamer::sparse::test_configure {
namespace {

using golden::Json;
using test::config_from_json;
using test::contains;
using test::dense_parameter;
using test::LogCapture;

std::vector<std::string> algorithms(const Group& group) {
  std::vector<std::string> names;
  for (size_t i = 0; i < group.size(); ++i) names.push_back(group[i].name());
  return names;
}

TEST(Configure, MakesTheAlgorithmsOfTheReferenceAndRefusesWhatItRefuses) {
  int compared = 0;
  const Json file = golden::load("cstorch_sparse.json");
  for (const Json& test_case : file.at("cases")) {
    if (test_case.at("kind") != "configure") continue;
    SCOPED_TRACE(test_case.at("id").get<std::string>());
    const Config config = config_from_json(test_case.at("in").at("config"));
    if (test_case.at("out").contains("error")) {
      EXPECT_THROW(configure(config), ConfigError);
    } else {
      EXPECT_EQ(algorithms(configure(config)), test_case.at("out").at("algorithms").get<std::vector<std::string>>());
    }
    ++compared;
  }
  EXPECT_EQ(compared, 16);
}

TEST(Configure, ItsDefaultFilterIsThatOfTheReference) {
  int compared = 0;
  const Json file = golden::load("cstorch_sparse.json");
  for (const Json& test_case : file.at("cases")) {
    if (test_case.at("kind") != "default_filter") continue;
    const Json& in = test_case.at("in");
    for (size_t i = 0; i < in.at("names").size(); ++i) {
      const Shape shape(std::vector<int64_t>(in.at("ndim")[i].get<size_t>(), 2));
      const std::string name = in.at("names")[i];
      EXPECT_EQ(default_sparse_param_filter(name, Parameter(Tensor::zeros(shape), name)),
                test_case.at("out").at("sparse")[i].get<bool>())
          << name;
      ++compared;
    }
  }
  EXPECT_EQ(compared, 14);
}

// Parameters that an entry takes, and the sparsity that it aims at.
std::vector<Parameter> model() {
  return {dense_parameter("fc1.weight", {8, 10}, 1), dense_parameter("fc1.bias", {8}, 2),
          dense_parameter("fc2.weight", {4, 8}, 3), dense_parameter("embedding.weight", {4, 4}, 4)};
}

TEST(Configure, ANumberIsStaticOnTheDefaultParameters) {
  const auto parameters = model();
  Group group = configure(0.5);
  group.apply(parameters);
  EXPECT_EQ(group.num_sparse_params(), 2);
  EXPECT_EQ(parameters[0].nnz(), 40);
  EXPECT_FALSE(parameters[1].is_csr());
  EXPECT_EQ(parameters[2].nnz(), 16);
  EXPECT_FALSE(parameters[3].is_csr());
}

TEST(Configure, ExecutionIsThatOfTheParametersOfAnEntryAlone) {
  const auto parameters = model();
  parameters[0].set_execution(Execution::Csr);
  Group group = configure(ConfigList{ConfigMap{{"sparsity", 0.5}, {"param_filter", "fc1.weight"}},
                                     ConfigMap{{"sparsity", 0.5}, {"execution", "Dense"}}});
  group.apply(parameters);
  EXPECT_EQ(parameters[0].execution(), Execution::Csr);
  EXPECT_EQ(parameters[1].execution(), Execution::Auto);
  EXPECT_EQ(parameters[2].execution(), Execution::Dense);
}

TEST(Configure, ExecutionMovesWithTheAlgorithm) {
  Static first(0.5);
  first.set_execution(Execution::Dense);
  Static second(std::move(first));
  Static third(0.25);
  third = std::move(second);
  const Parameter p = dense_parameter("weight", {4, 8}, 1);
  third.apply({p});
  EXPECT_EQ(p.execution(), Execution::Dense);
}

TEST(Configure, AListGivesEachParameterToTheFirstFilterThatMatches) {
  const auto parameters = model();
  Group group = configure(ConfigList{
      ConfigMap{{"sparsity", 0.75}, {"param_filter", "fc1.*"}},
      ConfigMap{{"algorithm", "SET"}, {"sparsity", 0.5}, {"param_filter", ConfigList{"embedding*", "*.bias"}}}, 0.25});
  group.apply(parameters);
  EXPECT_EQ(parameters[0].nnz(), 20);
  EXPECT_EQ(parameters[1].nnz(), 2);
  EXPECT_EQ(parameters[2].nnz(), 24);
  EXPECT_EQ(parameters[3].nnz(), 8);
}

TEST(Configure, TakesCppValuesWhereAFileHasTexts) {
  const auto parameters = model();
  Group group = configure(ConfigMap{{"algorithm", "gmp"},
                                    {"sparsity", Schedule(Lambda{[](int64_t step) { return step == 0 ? 0.5 : 0.75; }})},
                                    {"update", UpdateSchedule{.fn = [](int64_t) { return true; }}},
                                    {"init_method", Config(InitMethod(topk))},
                                    {"param_filter", Config(ParameterFilter([](const std::string&, const Parameter& p) {
                                       return p.numel() == 8;
                                     }))}});
  group.apply(parameters);
  EXPECT_EQ(group.num_sparse_params(), 1);
  EXPECT_EQ(parameters[1].nnz(), 4);
}

TEST(Configure, ReadsEveryField) {
  const auto parameters = model();
  Group group = configure(ConfigMap{{"algorithm", "rigl"},
                                    {"schedule", ConfigMap{{"type", "Cubic"}, {"final", 0.75}, {"end", "1e1"}}},
                                    {"drop_fraction", ConfigMap{{"type", "cosine"}, {"init", 0.3}, {"half_period", 8}}},
                                    {"update", ConfigMap{{"freq", 2}, {"start", 0}, {"stop", 7}}},
                                    {"balance_out_groups", 4},
                                    {"init_method", "checkerboard"},
                                    {"seed", 3}});
  group.apply(parameters);
  EXPECT_EQ(parameters[0].nnz(), 80);
  const auto& rigl = dynamic_cast<const DynamicSparsityAlgorithm&>(group[0]);
  EXPECT_TRUE(rigl.update_schedule().is_update_step(6));
  EXPECT_FALSE(rigl.update_schedule().is_update_step(7));
  EXPECT_EQ(rigl.sparsity().of("any").at({.step = 10}), 0.75F);
  EXPECT_EQ(rigl.sparsity().of("any").at({.step = 0}), 0.0F);
}

TEST(Configure, NothingLeavesEveryParameterDense) {
  LogCapture log;
  const auto parameters = model();
  Group group = configure(Config());
  group.apply(parameters);
  EXPECT_EQ(group.num_sparse_params(), 0);
  EXPECT_FALSE(parameters[0].is_csr());
  EXPECT_TRUE(log.messages.empty());
}

TEST(Configure, SeedsReachTo2To64) {
  const auto mask = [](uint64_t seed, bool by_options) {
    const auto parameters = model();
    Group group = by_options ? Group{{"fc1.weight", Static({.sparsity = 0.5, .seed = seed})}}
                             : configure(ConfigMap{{"sparsity", 0.5}, {"param_filter", "fc1.weight"}, {"seed", seed}});
    group.apply(parameters);
    return test::mask_string(parameters[0]);
  };
  for (const uint64_t seed : {uint64_t{1} << 63U, std::numeric_limits<uint64_t>::max()}) {
    EXPECT_EQ(mask(seed, false), mask(seed, true));
  }
  EXPECT_NE(mask(uint64_t{1} << 63U, false), mask(0, false));
}

TEST(Configure, TypeIsADeprecatedAliasThatWarns) {
  LogCapture log;
  EXPECT_EQ(algorithms(configure(ConfigMap{{"type", "set"}, {"sparsity", 0.5}})), (std::vector<std::string>{"SET"}));
  ASSERT_EQ(log.messages.size(), 1U);
  EXPECT_TRUE(contains(log.messages[0], "write 'algorithm'"));
}

TEST(Configure, EveryMistakeIsNamedWithItsPathWhatIsAllowedAndAGuess) {
  struct Mistake {
    Config config;
    std::vector<std::string> parts;
  };
  const auto rigl = [](const char* key, Config value) {
    return ConfigMap{{"algorithm", "rigl"}, {"sparsity", 0.9}, {key, std::move(value)}};
  };
  const std::vector<Mistake> mistakes{
      {"0.5", {"config: it must be a number", "the text '0.5'"}},
      {true, {"config: ", "true"}},
      {ConfigMap{}, {"config.sparsity: it must be given"}},
      {ConfigMap{{"sparsty", 0.5}}, {"config.sparsty", "did you mean 'sparsity'?"}},
      {ConfigMap{{"sparsity", 1.5}}, {"config.sparsity: Static: sparsity must be at least 0 and below 1", "1.5"}},
      {ConfigMap{{"sparsity", 90}},
       {"config.sparsity: Static: sparsity must be at least 0 and below 1; 90; it is a share: 0.9 for 90 %"}},
      {ConfigMap{{"sparsity", std::numeric_limits<double>::quiet_NaN()}}, {"config.sparsity: it must be a finite"}},
      {ConfigMap{{"sparsity", "0.5"}}, {"config.sparsity", "the text '0.5'"}},
      {ConfigMap{{"sparsity", 0.5}, {"sparsity", 0.6}}, {"config.sparsity: a key may come once"}},
      {ConfigMap{{"sparsity", 0.5}, {"schedule", 0.6}}, {"config: sparsity and schedule are the same setting"}},
      {ConfigMap{{"sparsity", ConfigMap{{"init", 0.5}}}}, {"config.sparsity.type: it must be given"}},
      {ConfigMap{{"sparsity", ConfigMap{{"type", "cosin"}}}},
       {"config.sparsity.type", "constant, linear, exp, power, cosine, cycling, cubic", "did you mean 'cosine'?"}},
      {ConfigMap{{"algorithm", "riggl"}, {"sparsity", 0.5}},
       {"config.algorithm: it must be one of", "gmp", "static", "'riggl'", "did you mean 'rigl'?"}},
      {ConfigMap{{"algorithm", "rgil"}, {"sparsity", 0.5}}, {"config.algorithm", "did you mean 'rigl'?"}},
      {ConfigMap{{"sparsity", 0.5}, {"param_name_patterns", "fc*"}},
       {"config.param_name_patterns", "did you mean 'param_filter'?"}},
      {ConfigMap{{"trainer", ConfigMap{{"init", ConfigMap{{"sparsity", 0.5}}}}}},
       {"config: ", "a map with the key 'trainer'", R"(pass config.at("trainer").at("init").at("sparsity"))"}},
      {ConfigMap{{"init", ConfigMap{{"sparsity", 0.5}}}, {"fit", 1}}, {R"(pass config.at("init").at("sparsity"))"}},
      {std::numeric_limits<uint64_t>::max(), {"config.sparsity: Static: sparsity must be at least 0 and below 1"}},
      {ConfigMap{{"sparsity", 0.5}, {"seed", 2e19}}, {"config.seed: it must be a whole number below 2^64"}},
      {ConfigMap{{"algorithm", 3}, {"sparsity", 0.5}}, {"config.algorithm: it must be a text", "the number 3"}},
      {ConfigMap{{"algorithm", "set"}, {"type", "set"}, {"sparsity", 0.5}}, {"config.type: 'type' and 'algorithm'"}},
      {ConfigMap{{"algorithm", "gmp"}, {"sparsity", 0.5}}, {"config.sparsity: GMP: ", "use Static"}},
      {ConfigMap{{"sparsity", 0.5}, {"init_method", "topp"}},
       {"config.init_method", "random, topk", "'topp'", "did you mean 'topk'?"}},
      {ConfigMap{{"sparsity", 0.5}, {"update", ConfigMap{{"freq", 5}}}}, {"config.update", "an unknown key"}},
      {ConfigMap{{"sparsity", 0.5}, {"execution", "fast"}},
       {"config.execution: it must be auto, csr or dense", "'fast'"}},
      {ConfigMap{{"sparsity", 0.5}, {"seed", -1}}, {"config.seed", "-1"}},
      {ConfigMap{{"sparsity", 0.5}, {"param_filter", ConfigList{"a", 3}}}, {"config.param_filter[1]", "the number 3"}},
      {ConfigMap{{"sparsity", 0.5}, {"param_filter", ConfigList{}}}, {"config.param_filter", "a list of 0"}},
      {rigl("drop_fration", 0.3), {"config.drop_fration", "drop_fraction", "did you mean 'drop_fraction'?"}},
      {rigl("drop_fraction", ConfigMap{{"type", "cosine"}, {"init", 0.3}, {"half_period", 0}}),
       {"config.drop_fraction: Cosine: half_period must be given, above 0"}},
      {rigl("drop_fraction", ConfigMap{{"type", "cosine"}, {"init", "x"}, {"half_period", 5}}),
       {"config.drop_fraction.init", "the text 'x'"}},
      {rigl("drop_fraction", ConfigList{0.1, "x"}), {"config.drop_fraction[1]"}},
      {rigl("drop_fraction", ConfigList{}), {"config.drop_fraction: Cycling"}},
      {rigl("update", 5), {"config.update: it must be a map", "the number 5"}},
      {rigl("update", ConfigMap{}), {"config.update: it must have freq or steps"}},
      {rigl("update", ConfigMap{{"freq", 5}, {"stopp", 3}}),
       {"config.update.stopp", "freq, start, steps, stop", "did you mean 'stop'?"}},
      {rigl("update", ConfigMap{{"freq", 2.5}}), {"config.update.freq: it must be a whole number", "2.5"}},
      {rigl("update", ConfigMap{{"freq", 0}}), {"config.update: UpdateSchedule: freq must be at least 1"}},
      {rigl("update", ConfigMap{{"steps", ConfigList{1, 2.5}}}), {"config.update.steps[1]"}},
      {rigl("balance_in_groups", -1), {"config: RigL: numbers of groups"}},
      {rigl("window", 0), {"config.window: RigL: window must be from 1"}},
      {ConfigMap{{"sparsity", ConfigList{0.5, 9}}}, {"config.sparsity: Static: sparsity must be from 0 to 1; 9"}},
      {ConfigMap{{"schedule", 9}}, {"config.schedule: Static: sparsity must be"}},
      {rigl("update", ConfigMap{{"frequency", 5}}), {"config.update.frequency", "did you mean 'freq'?"}},
      {rigl("update", ConfigMap{{"freq", 5}, {"begin", 5}}), {"config.update.begin", "did you mean 'start'?"}},
      {rigl("drop_fraction", ConfigMap{{"type", "cos"}}), {"config.drop_fraction.type", "did you mean 'cosine'?"}},
      {ConfigMap{{"sparsity", ConfigMap{{"algorithm", "rigl"}, {"sparsity", 0.9}}}},
       {"config: the settings of sparsity must be given alone", "the key 'sparsity'", R"(pass config.at("sparsity"))"}},
      {ConfigMap{{"sparsity", ConfigList{ConfigMap{{"algorithm", "rigl"}}}}}, {R"(pass config.at("sparsity"))"}},
      {ConfigMap{{"sparsity", ConfigMap{{"fc1.weight", 0.9}}}},
       {"config.sparsity: it must be a number", "'fc1.weight'", "a list of maps, each with a param_filter"}},
      {ConfigList{0.5, rigl("update", "often")}, {"config[1].update: it must be a map", "the text 'often'"}},
      {ConfigMap{{"groups", ConfigList{ConfigMap{{"algorithm", "set"}, {"params", 3}}}}}, {"config.groups[0].params"}},
      {ConfigMap{{"groups", ConfigList{ConfigMap{{"algorithm", "st"}}}}}, {"config.groups[0].algorithm"}},
      {ConfigMap{{"groups", ConfigList{}}, {"sparsity", 0.5}}, {"config.groups", "an unknown key"}},
  };
  for (const auto& [config, parts] : mistakes) {
    const std::string message = message_of<ConfigError>([&, &c = config] { configure(c); });
    for (const std::string& part : parts) EXPECT_TRUE(contains(message, part));
  }
}

TEST(Configure, NumericFieldsAcceptExponentsThatLoadersOfYaml11TakeForTexts) {
  const Schedule schedule =
      make_hyperparam_schedule(ConfigMap{{"type", "linear"}, {"init", "1e-3"}, {"slope", "+2E2"}});
  EXPECT_EQ(schedule.at({.step = 1}), 0.001F + 200);
  EXPECT_EQ(make_hyperparam_schedule("5e-1").at({}), 0.5F);
  EXPECT_EQ(make_update_schedule(ConfigMap{{"freq", "1e3"}}).freq, 1000);
  for (const char* bad : {"0.5", "e", "1e", "1e5x", "1e400", "nane", ""}) {
    EXPECT_THROW(make_hyperparam_schedule(bad), ConfigError) << bad;
  }
}

TEST(RegisterAlgorithm, MakesACustomAlgorithmKnownByName) {
  register_algorithm("Half", [](ConfigReader& reader) {
    return std::make_shared<Static>(StaticOptions{.sparsity = reader.number("half") / 2});
  });
  const auto parameters = model();
  Group group = configure(ConfigMap{{"algorithm", "half"}, {"half", 1}});
  group.apply(parameters);
  EXPECT_EQ(parameters[0].nnz(), 40);
  EXPECT_TRUE(contains(message_of<ConfigError>([] {
                         configure(ConfigMap{{"algorithm", "half"}, {"half", 1}, {"whole", 2}});
                       }),
                       "config.whole"));
  register_algorithm("Initial", [](ConfigReader& reader) { return std::make_shared<Static>(reader.number("init")); });
  EXPECT_EQ(configure(ConfigMap{{"algorithm", "initial"}, {"init", 0.5}}).size(), 1U);
  const auto make = [](ConfigReader&) { return std::make_shared<Static>(0.5); };
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { register_algorithm("RIGL", make); }), "'RIGL' is taken"));
  EXPECT_THROW(register_algorithm("", make), ConfigError);
  EXPECT_THROW(register_algorithm("none", {}), ConfigError);
}

}  // namespace
}  // namespace gossamer::sparse::test_configure
