// Config: settings as plain values, in the form in which YAML files give them.
//
//   ConfigMap{{"algorithm", "rigl"}, {"sparsity", 0.9}, {"update", ConfigMap{{"freq", 100}}}}
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "gossamer/sparse/group.h"
#include "gossamer/sparse/init_method.h"
#include "gossamer/sparse/schedule.h"

namespace gossamer::sparse {

class Config;
using ConfigList = std::vector<Config>;
using ConfigMap = std::vector<std::pair<std::string, Config>>;  // in the order of writing

// Nothing, a truth value, a number, a text, a list or a map; or a C++ value that stands where a file has a text or a
// map.
class Config {
 public:
  Config() = default;  // nothing: null
  template <class T>
  requires std::is_arithmetic_v<T> Config(T value) {  // NOLINT: a number is a configuration
    if constexpr (std::same_as<T, bool>) {
      value_ = value;
    } else if constexpr (std::integral<T>) {
      value_ = static_cast<int64_t>(value);
    } else {
      value_ = static_cast<double>(value);
    }
  }
  Config(const char* text) : value_(std::string(text)) {}           // NOLINT
  Config(std::string text) : value_(std::move(text)) {}             // NOLINT
  Config(ConfigList list) : value_(std::move(list)) {}              // NOLINT
  Config(ConfigMap map) : value_(std::move(map)) {}                 // NOLINT
  Config(Schedule schedule) : value_(std::move(schedule)) {}        // NOLINT
  Config(UpdateSchedule schedule) : value_(std::move(schedule)) {}  // NOLINT
  explicit Config(InitMethod method) : value_(std::move(method)) {}
  explicit Config(ParameterFilter filter) : value_(std::move(filter)) {}

  // Null unless it is a T: bool, int64_t, double, std::string, ConfigList, ConfigMap or one of the C++ values.
  template <class T>
  const T* get_if() const {
    return std::get_if<T>(&value_);
  }
  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }

  // The value of a key of a map. Throws ConfigError, listing the keys, where there is none or the key comes twice.
  const Config& at(std::string_view key) const;

  // For messages: "the number 3", "the text 'abc'", "a list of 2", "a map", "nothing".
  std::string describe() const;

 private:
  std::variant<std::monostate, bool, int64_t, double, std::string, ConfigList, ConfigMap, Schedule, UpdateSchedule,
               InitMethod, ParameterFilter>
      value_;
};

// Reads one document of YAML. Plain scalars follow the core schema of YAML 1.2: 1e-3 is a number, yes and on are texts.
// What YAML 1.1 reads as a number and 1.2 does not, or reads differently (1_000, 010, 1:30), stays a text, so that a
// numeric setting refuses it instead of guessing. Anchors and merge keys (<<) work. Throws FormatError with line and
// column for what is not YAML, several documents, tags other than those of the core schema, and documents nested deeper
// than 64 levels or of more than 100,000 values; StateError in a build without yaml-cpp.
Config parse_yaml(const std::string& text);
// Reads a file (FormatError when it cannot be read).
Config load_yaml(const std::string& path);

}  // namespace gossamer::sparse
