// Configurations from YAML: the scalars of PyYAML, and errors with places.
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/config.h"
#include "gossamer/error.h"
#include "tests/parameter/support.h"
#include "tests/support/golden.h"
#include "tests/support/sanitizers.h"

namespace gossamer::test_yaml {
namespace {

using golden::Json;
using test::contains;

bool equal(const Config& config, const Json& expected) {
  if (expected.is_number_unsigned() && expected.get<uint64_t>() > INT64_MAX) {
    return config.get_if<uint64_t>() && *config.get_if<uint64_t>() == expected.get<uint64_t>();
  }
  if (expected.is_null()) return config.is_null();
  if (expected.is_boolean()) return config.get_if<bool>() && *config.get_if<bool>() == expected.get<bool>();
  if (expected.is_number_integer()) {
    return config.get_if<int64_t>() && *config.get_if<int64_t>() == expected.get<int64_t>();
  }
  if (expected.is_number()) return config.get_if<double>() && *config.get_if<double>() == expected.get<double>();
  if (expected.is_string()) return config.get_if<std::string>() && *config.get_if<std::string>() == expected;
  if (expected.is_object() && expected.contains("float")) {
    const double value = golden::number(expected.at("float"));
    const auto* found = config.get_if<double>();
    return found && (*found == value || (std::isnan(*found) && std::isnan(value)));
  }
  if (expected.is_array()) {
    const auto* list = config.get_if<ConfigList>();
    if (list == nullptr || list->size() != expected.size()) return false;
    for (size_t i = 0; i < list->size(); ++i) {
      if (!equal((*list)[i], expected[i])) return false;
    }
    return true;
  }
  const auto* map = config.get_if<ConfigMap>();
  const Json& entries = expected.at("map");
  if (map == nullptr || map->size() != entries.size()) return false;
  for (const Json& entry : entries) {
    if (!equal(config.at(entry[0].get<std::string>()), entry[1])) return false;
  }
  return true;
}

TEST(Yaml, ReadsWholeNumbersUpTo2To64) {
  for (const char* text :
       {"18446744073709551615", "+18446744073709551615", "0xffffffffffffffff", "!!int 18446744073709551615"}) {
    const Config config = parse_yaml(text);
    ASSERT_NE(config.get_if<uint64_t>(), nullptr) << text;
    EXPECT_EQ(*config.get_if<uint64_t>(), std::numeric_limits<uint64_t>::max()) << text;
  }
  EXPECT_EQ(*parse_yaml("9223372036854775807").get_if<int64_t>(), std::numeric_limits<int64_t>::max());
  EXPECT_NE(parse_yaml("18446744073709551616").get_if<double>(), nullptr);
  EXPECT_NE(parse_yaml("-9223372036854775809").get_if<double>(), nullptr);
}

TEST(Yaml, ReadsWhatPyYamlReadsExceptWhereTheTwoVersionsOfYamlDiffer) {
  // PyYAML follows YAML 1.1. What we read differently, with what we read. configure() refuses each of them where a
  // number, a text or a map is asked for.
  const std::map<std::string, Config> differ{
      // Numbers of 1.1 only, or of another value there: texts, which a numeric setting refuses.
      {"yaml.4", "007"},
      {"yaml.5", "010"},
      {"yaml.8", "0b101"},
      {"yaml.9", "1_000"},
      {"yaml.49", "1:30"},
      {"yaml.50", "190:20:30"},
      {"yaml.51", "2024-01-01"},
      // Numbers of 1.2 only.
      {"yaml.13", -0.5},
      {"yaml.14", 0.001},
      {"yaml.15", 1e5},
      {"yaml.18", 1e5},
      {"yaml.20", std::numeric_limits<double>::infinity()},
      {"yaml.52", 12e3},
      {"yaml.65", 1e3},
      {"yaml.86", ConfigMap{{"lr", 0.001}}},
      // Truth values of 1.1 only.
      {"yaml.31", "yes"},
      {"yaml.32", "Yes"},
      {"yaml.33", "on"},
      {"yaml.36", "no"},
      {"yaml.37", "off"},
      // A key twice is kept twice, and an error where the map is read.
      {"yaml.88", ConfigMap{}},
      {"yaml.111", ConfigMap{}},
      // What yaml-cpp lets pass: a directive or an end without a document, an empty value with a tag, an empty element.
      {"yaml.69", Config()},
      {"yaml.72", Config()},
      {"yaml.73", Config()},
      {"yaml.75", Config()},
      {"yaml.77", Config()},
      {"yaml.116", Config()},
      {"yaml.118", ConfigMap{}},
  };
  // A key without a name, and tags outside the core schema.
  const std::set<std::string> refused{"yaml.81", "yaml.107", "yaml.108"};
  int compared = 0;
  const Json file = golden::load("yaml_pyyaml.json");
  for (const Json& test_case : file.at("cases")) {
    const std::string id = test_case.at("id");
    SCOPED_TRACE(testing::Message() << id << ": " << test_case.at("text"));
    const std::string text = test_case.at("text");
    ++compared;
    const auto other = differ.find(id);
    try {
      const Config config = parse_yaml(text);
      if (other != differ.end()) {
        EXPECT_EQ(config.describe(), other->second.describe());
      } else if (test_case.contains("error") || refused.contains(id)) {
        ADD_FAILURE() << "read as " << config.describe();
      } else {
        EXPECT_TRUE(equal(config, test_case.at("value"))) << config.describe();
      }
    } catch (const FormatError& error) {
      EXPECT_TRUE(other == differ.end() && (test_case.contains("error") || refused.contains(id))) << error.what();
    }
  }
  EXPECT_EQ(compared, 120);
}

TEST(Yaml, SyntaxErrorsNameLineAndColumn) {
  EXPECT_TRUE(contains(message_of<FormatError>([] { parse_yaml("sparsity: 0.5\nupdate: {freq: 5"); }), "line 2"));
  EXPECT_TRUE(contains(message_of<FormatError>([] { parse_yaml("a: 1\n--- \nb: 2"); }), "one document"));
  EXPECT_TRUE(contains(message_of<FormatError>([] { parse_yaml("a: !mine 1"); }), "!mine at line 1"));
}

TEST(Yaml, MergesWhatAnchorsShare) {
  const Config config = parse_yaml(
      "base: &base {algorithm: set, update: {freq: 5}}\n"
      "sparsity:\n"
      "  - {<<: *base, sparsity: 0.5, param_filter: a}\n"
      "  - {<<: *base, algorithm: rigl, sparsity: 0.9}\n");
  const ConfigList& entries = *config.at("sparsity").get_if<ConfigList>();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(*entries[0].at("algorithm").get_if<std::string>(), "set");
  EXPECT_EQ(*entries[1].at("algorithm").get_if<std::string>(), "rigl");
  EXPECT_EQ(*entries[1].at("update").at("freq").get_if<int64_t>(), 5);
}

TEST(Yaml, RefusesWhatGrowsWithoutBound) {
  EXPECT_THROW(parse_yaml("&a [*a]"), FormatError);
  std::string bomb = "a0: &a0 [1, 1]\n";
  for (int i = 1; i < 40; ++i) {
    const std::string now = "a" + std::to_string(i);
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += now + ": &" + now + " [" + before + ", " + before + "]\n";
  }
  EXPECT_TRUE(contains(message_of<FormatError>([&] { parse_yaml(bomb); }), "100000 values"));
}

// Runs f on a thread whose stack has 128 KiB.
void on_small_stack(void (*f)()) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, size_t{128} << 10), 0);
  pthread_t thread{};
  const auto run = [](void* function) -> void* {
    reinterpret_cast<void (*)()>(function)();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, run, reinterpret_cast<void*>(f)), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

std::string repeat(std::string_view text, int times) {
  std::string repeated;
  for (int i = 0; i < times; ++i) repeated += text;
  return repeated;
}

std::string deep_block(int levels) {
  std::string text;
  for (int i = 0; i < levels; ++i) text += std::string(static_cast<size_t>(i), ' ') + "a:\n";
  return text + std::string(static_cast<size_t>(levels), ' ') + "b";
}

TEST(Yaml, OfManyLevelsFitsASmallStack) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's frames are many times as large";
  on_small_stack([] {
    for (const std::string& text : {repeat("[", 64) + repeat("]", 64), repeat("{a: ", 64) + repeat("}", 64),
                                    repeat("- ", 64) + "b", deep_block(64), repeat("? ", 64) + "b"}) {
      try {
        parse_yaml(text);
      } catch (const FormatError& error) {
        EXPECT_TRUE(contains(error.what(), "keys")) << error.what();
      }
    }
    for (const int levels : {65, 400, 1000}) {
      for (const std::string& text :
           {repeat("[", levels) + repeat("]", levels), repeat("{a: ", levels) + repeat("}", levels),
            repeat("- ", levels) + "b", deep_block(levels)}) {
        EXPECT_TRUE(contains(message_of<FormatError>([&] { parse_yaml(text); }), "64 levels")) << levels;
      }
      for (const std::string& open : {repeat("[", levels), repeat("{a: ", levels), repeat("? ", levels)}) {
        EXPECT_THROW(parse_yaml(open), FormatError) << levels;
      }
    }
    EXPECT_THROW(parse_yaml(repeat("[", 300'000)), FormatError);
  });
}

TEST(Yaml, LimitsAreOptions) {
  const std::string three = "[[[1, 2]]]";
  parse_yaml(three, {.max_bytes = 10, .max_depth = 3, .max_values = 5});
  EXPECT_TRUE(contains(message_of<FormatError>([&] { parse_yaml(three, {.max_bytes = 9}); }), "max_bytes"));
  EXPECT_TRUE(contains(message_of<FormatError>([&] { parse_yaml(three, {.max_depth = 2}); }), "max_depth"));
  EXPECT_TRUE(contains(message_of<FormatError>([&] { parse_yaml(three, {.max_values = 4}); }), "max_values"));
  const std::string aliased = "a: &a [[1]]\nb: [*a]";
  parse_yaml(aliased, {.max_depth = 4});
  EXPECT_THROW(parse_yaml(aliased, {.max_depth = 3}), FormatError) << "an alias is as deep as what it stands for";
  parse_yaml(repeat("[", 100) + repeat("]", 100), {.max_depth = 100});
}

TEST(Yaml, AFileWithoutAnEndIsRefused) {
  EXPECT_TRUE(contains(message_of<FormatError>([] { load_yaml("/dev/zero"); }), "max_bytes"));
}

TEST(Yaml, AnEmptyFileIsNothingAndMessagesSayWhyAFileCannotBeRead) {
  EXPECT_TRUE(load_yaml("/dev/null").is_null());
  EXPECT_TRUE(contains(message_of<FileError>([] { load_yaml("/dev"); }), "directory"));
  const std::string loop = testing::TempDir() + "gossamer_test_loop_" + std::to_string(getpid());
  ASSERT_EQ(symlink(loop.c_str(), loop.c_str()), 0);
  EXPECT_TRUE(contains(message_of<FileError>([&] { load_yaml(loop); }), "symbolic links"));
  std::remove(loop.c_str());
}

TEST(Yaml, FilesAreReadAndNamedInErrors) {
  const std::string path = testing::TempDir() + "gossamer_test_yaml_" + std::to_string(getpid()) + ".yaml";
  { std::ofstream(path) << "sparsity: 0.5\n"; }
  EXPECT_EQ(*load_yaml(path).at("sparsity").get_if<double>(), 0.5);
  { std::ofstream(path) << "sparsity: [\n"; }
  EXPECT_TRUE(contains(message_of<FormatError>([&] { load_yaml(path); }), path));
  std::remove(path.c_str());
  EXPECT_TRUE(contains(message_of<FileError>([&] { load_yaml(path); }), path));
}

}  // namespace
}  // namespace gossamer::test_yaml
