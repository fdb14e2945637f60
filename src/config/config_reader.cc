// Single settings out of a configuration: numbers, texts, lists, schedules.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <concepts>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "config/config_errors.h"
#include "gossamer/config.h"
#include "runtime/check.h"

namespace gossamer {

namespace {

// The number that a value gives, if it gives one. Loaders of YAML 1.1 take 1e-3 for a text.
std::optional<double> number_in(const Config& config) {
  if (const auto* integer = config.get_if<int64_t>()) return static_cast<double>(*integer);
  if (const auto* integer = config.get_if<uint64_t>()) return static_cast<double>(*integer);
  if (const auto* number = config.get_if<double>()) return *number;
  const auto* text = config.get_if<std::string>();
  if (text == nullptr || text->find_first_of("eE") == std::string::npos) return std::nullopt;
  if (text->find_first_not_of("+-.0123456789eE") != std::string::npos) return std::nullopt;
  const char* const begin = text->data() + (text->front() == '+' ? 1 : 0);
  const char* const end = text->data() + text->size();
  double value = 0;
  const auto [stop, error] = std::from_chars(begin, end, value);
  return error == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

double to_number(const Config& config, const std::string& path) {
  const std::optional<double> value = number_in(config);
  if (!value || !std::isfinite(*value)) fail<ConfigError>(path, "it must be a finite number", config.describe());
  return *value;
}

int64_t to_integer(const Config& config, const std::string& path) {
  if (const auto* integer = config.get_if<int64_t>()) return *integer;
  const std::optional<double> value = number_in(config);
  if (!value || std::trunc(*value) != *value) fail<ConfigError>(path, "it must be a whole number", config.describe());
  // Above 2^53 a double no longer tells which integer was meant.
  if (std::abs(*value) > 9007199254740992.0) {
    fail<ConfigError>(path, "it must be a whole number of 64 bits with a sign, without a fraction or an exponent",
                      config.describe());
  }
  return static_cast<int64_t>(*value);
}

uint64_t to_unsigned(const Config& config, const std::string& path) {
  if (const auto* integer = config.get_if<uint64_t>()) return *integer;
  const std::optional<double> value = number_in(config);
  if (value && *value < 0) fail<ConfigError>(path, "it must not be negative", config.describe());
  if (value && *value > 9007199254740992.0 && config.get_if<int64_t>() == nullptr) {
    fail<ConfigError>(path, "it must be a whole number below 2^64, without a fraction or an exponent",
                      config.describe());
  }
  return static_cast<uint64_t>(to_integer(config, path));
}

const ConfigMap& map_in(const Config& config, const std::string& path) {
  if (const auto* map = config.get_if<ConfigMap>()) return *map;
  fail<ConfigError>(path, "it must be a map", config.describe());
}

bool to_boolean(const Config& config, const std::string& path) {
  if (const bool* value = config.get_if<bool>()) return *value;
  fail<ConfigError>(path, "it must be true or false", config.describe());
}

std::string to_text(const Config& config, const std::string& path) {
  if (const auto* text = config.get_if<std::string>()) return *text;
  fail<ConfigError>(path, "it must be a text", config.describe());
}

template <class T>
std::vector<T> to_list(const Config& config, const std::string& path) {
  const auto* list = config.get_if<ConfigList>();
  if (list == nullptr) {
    fail<ConfigError>(path,
                      std::same_as<T, std::string> ? "it must be a list of texts" : "it must be a list of numbers",
                      config.describe());
  }
  std::vector<T> elements;
  for (size_t i = 0; i < list->size(); ++i) {
    const std::string element = fmt::format("{}[{}]", path, i);
    if constexpr (std::same_as<T, double>) {
      elements.push_back(to_number((*list)[i], element));
    } else if constexpr (std::same_as<T, int64_t>) {
      elements.push_back(to_integer((*list)[i], element));
    } else {
      elements.push_back(to_text((*list)[i], element));
    }
  }
  return elements;
}

Schedule schedule_of_type(ConfigReader& reader) {
  using namespace schedule;  // NOLINT(google-build-using-namespace): every shape, and nothing else, is in it
  static const std::vector<std::string> kTypes{"constant", "linear", "exp", "power", "cosine", "cycling", "cubic"};
  const std::string type = reader.text("type");
  const std::string lower = to_lower(type);
  const auto number = [&](std::string_view key, std::optional<double> otherwise = {}) {
    return reader.number(key, otherwise);
  };
  if (lower == "constant") return Constant{number("value")};
  if (lower == "linear") return Linear{.init = number("init"), .slope = number("slope")};
  if (lower == "exp") return Exp{.init = number("init"), .gamma = number("gamma"), .final = number("final", 1)};
  if (lower == "power") return Power{.init = number("init"), .beta = number("beta")};
  if (lower == "cosine") {
    return Cosine{.init = number("init"), .half_period = number("half_period"), .minimum = number("minimum", 0)};
  }
  if (lower == "cycling") {
    return Cycling{reader.list<double>("values")};
  }
  if (lower == "cubic") {
    return Cubic{.init = number("init", 0),
                 .final = number("final"),
                 .start = reader.integer("start", 0),
                 .end = reader.integer("end")};
  }
  fail<ConfigError>(reader.path_of("type"), fmt::format("it must be one of {}", fmt::join(kTypes, ", ")),
                    fmt::format("the text '{}'", type), guess(type, kTypes));
}

}  // namespace

Schedule make_schedule(const Config& config, const std::string& path) {
  if (const auto* schedule = config.get_if<Schedule>()) return *schedule;
  if (number_in(config)) return to_number(config, path);
  return with_path(path, [&]() -> Schedule {
    if (config.get_if<ConfigList>() != nullptr) return schedule::Cycling{to_list<double>(config, path)};
    if (config.get_if<ConfigMap>() != nullptr) {
      ConfigReader reader(config, path);
      Schedule schedule = schedule_of_type(reader);
      reader.finish();
      return schedule;
    }
    fail<ConfigError>(path, "it must be a number, a list of numbers, or a map with the type of a schedule",
                      config.describe());
  });
}

UpdateSchedule make_update_schedule(const Config& config, const std::string& path) {
  if (const auto* schedule = config.get_if<UpdateSchedule>()) return *schedule;
  if (config.is_null()) return {};
  return with_path(path, [&] {
    ConfigReader reader(config, path);
    UpdateSchedule schedule;
    if (reader.find("freq") != nullptr) schedule.freq = reader.integer("freq");
    schedule.start = reader.integer("start", 0);
    if (const Config* stop = reader.find("stop"); stop != nullptr && !stop->is_null()) {
      schedule.stop = reader.integer("stop");
    }
    if (reader.find("steps") != nullptr) schedule.steps = reader.list<int64_t>("steps");
    reader.finish();
    schedule.check();
    if (!schedule.freq && !schedule.steps) {
      fail<ConfigError>(path, "it must have freq or steps", "neither", "leave update out for every step");
    }
    return schedule;
  });
}

ConfigReader::ConfigReader(const Config& map, std::string path) : map_(map_in(map, path)), path_(std::move(path)) {
  std::set<std::string> seen;
  for (const auto& [key, value] : map_) {
    if (!seen.insert(key).second) fail<ConfigError>(path_of(key), "a key may come once", "it comes again");
  }
}

std::string ConfigReader::path_of(std::string_view key) const { return fmt::format("{}.{}", path_, key); }

const Config* ConfigReader::find(std::string_view key) {
  known_.emplace(key);
  const auto found = std::ranges::find(map_, key, &ConfigMap::value_type::first);
  return found == map_.end() ? nullptr : &found->second;
}

const Config& ConfigReader::require(std::string_view key) {
  if (const Config* found = find(key)) return *found;
  // A misspelt key is likelier than a forgotten one.
  for (const auto& [name, value] : map_) {
    const std::string meant = guess(name, {std::string(key)});
    if (!known_.contains(name) && !meant.empty()) {
      fail<ConfigError>(path_of(name), fmt::format("the key '{}' must be given", key), "an unknown key", meant);
    }
  }
  fail<ConfigError>(path_of(key), "it must be given", "nothing");
}

double ConfigReader::number(std::string_view key, std::optional<double> otherwise) {
  const Config* found = otherwise ? find(key) : &require(key);
  return found == nullptr ? *otherwise : to_number(*found, path_of(key));
}

int64_t ConfigReader::integer(std::string_view key, std::optional<int64_t> otherwise) {
  const Config* found = otherwise ? find(key) : &require(key);
  return found == nullptr ? *otherwise : to_integer(*found, path_of(key));
}

uint64_t ConfigReader::unsigned_integer(std::string_view key, std::optional<uint64_t> otherwise) {
  const Config* found = otherwise ? find(key) : &require(key);
  return found == nullptr ? *otherwise : to_unsigned(*found, path_of(key));
}

bool ConfigReader::boolean(std::string_view key, std::optional<bool> otherwise) {
  const Config* found = otherwise ? find(key) : &require(key);
  return found == nullptr ? *otherwise : to_boolean(*found, path_of(key));
}

std::string ConfigReader::text(std::string_view key, std::optional<std::string> otherwise) {
  const Config* found = otherwise ? find(key) : &require(key);
  return found == nullptr ? *std::move(otherwise) : to_text(*found, path_of(key));
}

Schedule ConfigReader::schedule(std::string_view key, std::optional<Schedule> otherwise) {
  const Config* found = otherwise ? find(key) : &require(key);
  return found == nullptr ? *std::move(otherwise) : make_schedule(*found, path_of(key));
}

template <class T>
std::vector<T> ConfigReader::list(std::string_view key) {
  return to_list<T>(require(key), path_of(key));
}

template std::vector<double> ConfigReader::list(std::string_view key);
template std::vector<int64_t> ConfigReader::list(std::string_view key);
template std::vector<std::string> ConfigReader::list(std::string_view key);

void ConfigReader::finish() const {
  const std::vector<std::string> known(known_.begin(), known_.end());
  for (const auto& [key, value] : map_) {
    if (known_.contains(key)) continue;
    fail<ConfigError>(path_of(key), fmt::format("the keys here are {}", fmt::join(known, ", ")), "an unknown key",
                      guess(key, known));
  }
}

}  // namespace gossamer
