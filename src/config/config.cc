#include "gossamer/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "config/config_errors.h"
#include "runtime/check.h"

namespace gossamer {

namespace {

struct Describe {
  std::string operator()(std::monostate) const { return "nothing"; }
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(int64_t value) const { return fmt::format("the number {}", value); }
  std::string operator()(uint64_t value) const { return fmt::format("the number {}", value); }
  std::string operator()(double value) const { return fmt::format("the number {}", value); }
  std::string operator()(const std::string& text) const { return fmt::format("the text '{}'", text); }
  std::string operator()(const ConfigList& list) const { return fmt::format("a list of {}", list.size()); }
  std::string operator()(const ConfigMap&) const { return "a map"; }
  template <class Other>
  std::string operator()(const Other& other) const {
    return std::string(other.type);
  }
};

}  // namespace

Config::Config(const char* text) {
  if (text == nullptr) fail<ConfigError>("Config", "the text must be given", "a null pointer");
  value_ = std::string(text);
}

std::string Config::describe() const { return std::visit(Describe{}, value_); }

const Config& Config::at(std::string_view key) const {
  const auto* map = get_if<ConfigMap>();
  if (map == nullptr) fail<ConfigError>("Config::at", fmt::format("a map with the key '{}'", key), describe());
  std::vector<std::string> keys;
  const Config* found = nullptr;
  for (const auto& [name, value] : *map) {
    if (name == key && found != nullptr)
      fail<ConfigError>("Config::at", "a key may come once", fmt::format("'{}'", key));
    if (name == key) found = &value;
    keys.push_back(name);
  }
  if (found == nullptr) {
    fail<ConfigError>("Config::at", fmt::format("the key must be one of {}", fmt::join(keys, ", ")),
                      fmt::format("'{}'", key), guess(key, keys));
  }
  return *found;
}

}  // namespace gossamer
