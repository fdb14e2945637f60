// Configurations, their reader, and registries.
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "gossamer/config.h"
#include "gossamer/error.h"
#include "tests/parameter/support.h"

namespace gossamer::test_config {
namespace {

using test::contains;

TEST(Config, AtFindsKeysAndSaysWhichThereAre) {
  const Config config = ConfigMap{{"trainer", ConfigMap{{"init", 3}}}, {"twice", 1}, {"twice", 2}};
  EXPECT_EQ(*config.at("trainer").at("init").get_if<int64_t>(), 3);
  const std::string message = message_of<ConfigError>([&] { config.at("trainr"); });
  EXPECT_TRUE(contains(message, "trainer, twice"));
  EXPECT_TRUE(contains(message, "did you mean 'trainer'?"));
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { config.at("trianer"); }), "did you mean 'trainer'?"));
  EXPECT_THROW(config.at("twice"), ConfigError);
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { config.at("trainer").at("init").at("x"); }), "the number 3"));
}

TEST(Config, HoldsWholeNumbersBeyondInt64) {
  const Config seed = std::numeric_limits<uint64_t>::max();
  ASSERT_NE(seed.get_if<uint64_t>(), nullptr);
  EXPECT_EQ(*seed.get_if<uint64_t>(), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(seed.get_if<int64_t>(), nullptr);
  EXPECT_EQ(seed.describe(), "the number 18446744073709551615");
  // Below 2^63 a number is the same whatever its type was.
  EXPECT_EQ(*Config(uint64_t{3}).get_if<int64_t>(), 3);
  EXPECT_EQ(Config(uint64_t{3}).get_if<uint64_t>(), nullptr);
}

TEST(Config, ATextThatIsANullPointerIsAConfigError) {
  const char* const none = nullptr;
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { Config config(none); }), "a null pointer"));
}

TEST(ConfigReader, ReadsUnsignedNumbersWhole) {
  const Config config = ConfigMap{{"largest", std::numeric_limits<uint64_t>::max()},
                                  {"small", 3},
                                  {"text", "1e3"},
                                  {"negative", -1},
                                  {"real", 1e19},
                                  {"half", 0.5}};
  ConfigReader reader(config, "config");
  EXPECT_EQ(reader.unsigned_integer("largest"), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(reader.unsigned_integer("small"), 3U);
  EXPECT_EQ(reader.unsigned_integer("text"), 1000U);
  EXPECT_EQ(reader.unsigned_integer("missing", 7), 7U);
  const auto refuses = [&](const char* key, const char* what) {
    EXPECT_TRUE(contains(message_of<ConfigError>([&] { reader.unsigned_integer(key); }), what)) << key;
  };
  refuses("negative", "config.negative: it must not be negative");
  refuses("real", "config.real: it must be a whole number below 2^64");
  refuses("half", "config.half: it must be a whole number");
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { reader.integer("largest"); }), "64 bits with a sign"));
}

struct Opaque {
  int value;
};

TEST(Config, HoldsAnyOtherValueByItsType) {
  const Config config(Opaque{3});
  ASSERT_NE(config.get_if<Opaque>(), nullptr);
  EXPECT_EQ(config.get_if<Opaque>()->value, 3);
  EXPECT_EQ(config.get_if<Schedule>(), nullptr);
  EXPECT_EQ(config.get_if<int64_t>(), nullptr);
  EXPECT_FALSE(config.is_null());
  EXPECT_EQ(config.describe(), "a C++ value");
  const Config cosine(schedule::Cosine{.init = 0.3, .half_period = 5});
  EXPECT_EQ(cosine.describe(), "a Schedule");
  EXPECT_EQ(cosine.get_if<Schedule>()->at({}), 0.3F);
  EXPECT_EQ(Config(UpdateSchedule{.freq = 3}).describe(), "an UpdateSchedule");
}

TEST(ConfigReader, ReadsListsAndTruthValues) {
  const Config config = ConfigMap{
      {"numbers", ConfigList{1, 0.5}}, {"steps", ConfigList{1, 2}}, {"names", ConfigList{"a", "b"}}, {"on", true}};
  ConfigReader reader(config, "config");
  EXPECT_EQ(reader.list<double>("numbers"), (std::vector<double>{1, 0.5}));
  EXPECT_EQ(reader.list<int64_t>("steps"), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(reader.list<std::string>("names"), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(reader.boolean("on"));
  EXPECT_FALSE(reader.boolean("off", false));
  reader.finish();
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { reader.list<int64_t>("numbers"); }), "config.numbers[1]"));
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { reader.boolean("steps"); }), "true or false"));
}

using Factory = std::function<int(int)>;

TEST(Registry, FindsNamesInAnyCase) {
  Registry<Factory> registry({{"Twice", [](int x) { return 2 * x; }}});
  registry.add("add", "THRICE", [](int x) { return 3 * x; });
  EXPECT_EQ(registry.find("tWiCe", "config.name")(5), 10);
  EXPECT_EQ(registry.find("thrice", "config.name")(5), 15);
  EXPECT_EQ(registry.names(), (std::vector<std::string>{"thrice", "twice"}));
}

TEST(Registry, SaysWhichNamesThereAreAndGuesses) {
  const Registry<Factory> registry({{"cosine", [](int x) { return x; }}, {"linear", [](int x) { return x; }}});
  const std::string message = message_of<ConfigError>([&] { registry.find("cosin", "config.type"); });
  EXPECT_TRUE(contains(message, "config.type: it must be one of cosine, linear"));
  EXPECT_TRUE(contains(message, "did you mean 'cosine'?"));
}

TEST(Registry, RefusesWhatItCannotKeep) {
  Registry<Factory> registry;
  const Factory same = [](int x) { return x; };
  registry.add("op", "same", same);
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { registry.add("op", "SAME", same); }), "'SAME' is taken"));
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { registry.add("op", "", same); }), "an empty name"));
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { registry.add("op", "other", {}); }), "an empty function"));
  EXPECT_EQ(registry.names(), std::vector<std::string>{"same"});
}

}  // namespace
}  // namespace gossamer::test_config
