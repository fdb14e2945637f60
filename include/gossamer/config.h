// Config: settings as plain values, in the form in which YAML files give them; their reader, and registries of what a
// setting may name.
//
//   ConfigMap{{"algorithm", "rigl"}, {"sparsity", 0.9}, {"update", ConfigMap{{"freq", 100}}}}
#pragma once

#include <any>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "gossamer/schedule.h"

#pragma GCC visibility push(default)
namespace gossamer {

class Config;
using ConfigList = std::vector<Config>;
using ConfigMap = std::vector<std::pair<std::string, Config>>;  // in the order of writing

// How messages call a C++ value: "an InitMethod". A type gives its own by an overload for a pointer to it, declared
// next to the type and found in its namespace.
constexpr std::string_view config_type_name(const void*) { return "a C++ value"; }
constexpr std::string_view config_type_name(const Schedule*) { return "a Schedule"; }
constexpr std::string_view config_type_name(const UpdateSchedule*) { return "an UpdateSchedule"; }

// Nothing, a truth value, a number, a text, a list or a map; or any other C++ value, which stands where a file has a
// text or a map.
class Config {
  template <class T>
  static constexpr bool kIsPlain = std::is_arithmetic_v<T> || std::same_as<T, std::string> ||
                                   std::same_as<T, ConfigList> || std::same_as<T, ConfigMap>;

 public:
  Config() = default;  // nothing: null
  template <class T>
  requires std::is_arithmetic_v<T> Config(T value) {  // NOLINT: a number is a configuration
    if constexpr (std::same_as<T, bool>) {
      value_ = value;
    } else if constexpr (std::integral<T>) {
      value_ = static_cast<int64_t>(value);
      if constexpr (std::unsigned_integral<T>) {
        if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) value_ = uint64_t{value};
      }
    } else {
      value_ = static_cast<double>(value);
    }
  }
  Config(const char* text);                                                // NOLINT: ConfigError for a null pointer
  Config(std::string text) : value_(std::move(text)) {}                    // NOLINT
  Config(ConfigList list) : value_(std::move(list)) {}                     // NOLINT
  Config(ConfigMap map) : value_(std::move(map)) {}                        // NOLINT
  Config(Schedule schedule) : value_(Other(std::move(schedule))) {}        // NOLINT
  Config(UpdateSchedule schedule) : value_(Other(std::move(schedule))) {}  // NOLINT
  // Any other copyable value: an InitMethod, a function.
  template <class T>
  requires(!kIsPlain<T> && !std::same_as<T, Config> && !std::convertible_to<T, std::string_view> &&
           !std::convertible_to<T, Schedule> && !std::convertible_to<T, UpdateSchedule> &&
           std::copy_constructible<T>) explicit Config(T value)
      : value_(Other(std::move(value))) {}

  // Null unless it is a T: bool, int64_t, uint64_t (whole numbers from 2^63 on), double, std::string, ConfigList,
  // ConfigMap or another C++ value.
  template <class T>
  const T* get_if() const {
    if constexpr (kIsPlain<T>) {
      return std::get_if<T>(&value_);
    } else {
      const auto* other = std::get_if<Other>(&value_);
      return other == nullptr ? nullptr : std::any_cast<T>(&other->value);
    }
  }
  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }

  // The value of a key of a map. Throws ConfigError, listing the keys, where there is none or the key comes twice.
  const Config& at(std::string_view key) const;

  // For messages: "the number 3", "the text 'abc'", "a list of 2", "a map", "nothing", "a Schedule".
  std::string describe() const;

 private:
  struct Other {
    template <class T>
    requires(!std::same_as<T, Other>) explicit Other(T v)
        : type(config_type_name(static_cast<const T*>(nullptr))), value(std::move(v)) {}

    std::string_view type;  // static
    std::any value;
  };

  std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string, ConfigList, ConfigMap, Other> value_;
};

// How much YAML is taken, so that a wrong or hostile file is refused before it takes memory, time or stack.
struct YamlLimits {
  int64_t max_bytes = int64_t{1} << 20;
  int64_t max_depth = 64;        // lists and maps inside one another; each level takes about 1 KiB of stack
  int64_t max_values = 100'000;  // anchors and aliases count for what they stand for
};

// Reads one document of YAML. Plain scalars follow the core schema of YAML 1.2: 1e-3 is a number, yes and on are texts.
// What YAML 1.1 reads as a number and 1.2 does not, or reads differently (1_000, 010, 1:30), stays a text, so that a
// numeric setting refuses it instead of guessing. Anchors and merge keys (<<) work. Throws FormatError with line and
// column for what is not YAML, several documents, tags other than those of the core schema, and what exceeds the
// limits; StateError in a build without yaml-cpp. A text without a document is nothing (null).
Config parse_yaml(const std::string& text, const YamlLimits& limits = {});
// Reads a file (FileError when it cannot be read).
Config load_yaml(const std::string& path, const YamlLimits& limits = {});

// A schedule: a number, a list of numbers (it cycles), or a map with the `type` of a schedule (constant, linear, exp,
// power, cosine, cycling, cubic) and its fields. `path` begins the messages.
Schedule make_schedule(const Config& config, const std::string& path = "schedule");
// The steps of an update: {freq, start, stop}, {steps}, or nothing for every step.
UpdateSchedule make_update_schedule(const Config& config, const std::string& path = "update");

// Reads one map of a configuration key by key; finish() refuses the keys that were not read.
class ConfigReader {
 public:
  // Throws ConfigError unless `map` is a map without a key twice. Holds a reference to it.
  ConfigReader(const Config& map, std::string path);

  const std::string& path() const { return path_; }
  std::string path_of(std::string_view key) const;

  // Null where the key is missing.
  const Config* find(std::string_view key);
  // ConfigError where the key is missing.
  const Config& require(std::string_view key);

  // A key that is missing has the value `otherwise`, and is an error without one. Numbers must be finite.
  double number(std::string_view key, std::optional<double> otherwise = {});
  int64_t integer(std::string_view key, std::optional<int64_t> otherwise = {});
  // A seed: a whole number from 0 to 2^64 - 1.
  uint64_t unsigned_integer(std::string_view key, std::optional<uint64_t> otherwise = {});
  bool boolean(std::string_view key, std::optional<bool> otherwise = {});
  std::string text(std::string_view key, std::optional<std::string> otherwise = {});
  Schedule schedule(std::string_view key, std::optional<Schedule> otherwise = {});
  // A list of double, int64_t or std::string.
  template <class T>
  std::vector<T> list(std::string_view key);

  // Throws ConfigError for a key that was not read.
  void finish() const;

 private:
  const ConfigMap& map_;
  std::string path_;
  std::set<std::string, std::less<>> known_;
};

namespace registry_detail {

std::string lower_case(std::string_view text);
[[noreturn]] void refuse_name(std::string_view path, std::string_view name, const std::vector<std::string>& known);
[[noreturn]] void refuse_empty(std::string_view op, std::string_view name);
[[noreturn]] void refuse_taken(std::string_view op, std::string_view name);

}  // namespace registry_detail

// Factories by name, in any case. T is a std::function. Thread-safe; only constructing and destroying is not.
template <class T>
class Registry {
 public:
  Registry() = default;
  explicit Registry(const std::map<std::string, T>& factories) {
    for (const auto& [name, factory] : factories) add("Registry", name, factory);
  }

  // Throws ConfigError, beginning with `op`, for a name that is taken, an empty name or an empty function.
  void add(std::string_view op, const std::string& name, T factory) {
    if (name.empty() || !factory) registry_detail::refuse_empty(op, name);
    const std::scoped_lock lock(mutex_);
    if (factories_.emplace(registry_detail::lower_case(name), std::move(factory)).second) return;
    registry_detail::refuse_taken(op, name);
  }

  // Throws ConfigError that begins with `path`, lists the names and guesses which one was meant.
  T find(const std::string& name, const std::string& path) const {
    {
      const std::scoped_lock lock(mutex_);
      const auto found = factories_.find(registry_detail::lower_case(name));
      if (found != factories_.end()) return found->second;
    }
    registry_detail::refuse_name(path, name, names());
  }

  // In alphabetical order, in lower case.
  std::vector<std::string> names() const {
    const std::scoped_lock lock(mutex_);
    std::vector<std::string> names;
    for (const auto& [name, factory] : factories_) names.push_back(name);
    return names;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, T> factories_;
};

}  // namespace gossamer
#pragma GCC visibility pop
