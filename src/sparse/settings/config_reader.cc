// Single settings out of a configuration: numbers, texts, schedules.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/sparse/configure.h"
#include "runtime/check.h"
#include "sparse/settings/config_errors.h"

namespace gossamer::sparse {

namespace {

// The number that a value gives, if it gives one. Loaders of YAML 1.1 take 1e-3 for a text.
std::optional<double> number_in(const Config& config) {
  if (const auto* integer = config.get_if<int64_t>()) return static_cast<double>(*integer);
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
  // Above 2^53 a double no longer tells which integer was meant.
  if (!value || std::trunc(*value) != *value || std::abs(*value) > 9007199254740992.0) {
    fail<ConfigError>(path, "it must be a whole number", config.describe());
  }
  return static_cast<int64_t>(*value);
}

const ConfigMap& map_in(const Config& config, const std::string& path) {
  if (const auto* map = config.get_if<ConfigMap>()) return *map;
  fail<ConfigError>(path, "it must be a map", config.describe());
}

template <class T, class F>
std::vector<T> to_list(const Config& config, const std::string& path, F&& to_element) {
  const auto* list = config.get_if<ConfigList>();
  if (list == nullptr) fail<ConfigError>(path, "it must be a list of numbers", config.describe());
  std::vector<T> elements;
  for (size_t i = 0; i < list->size(); ++i) elements.push_back(to_element((*list)[i], fmt::format("{}[{}]", path, i)));
  return elements;
}

Schedule schedule_of_type(ConfigReader& reader) {
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
    return Cycling{to_list<double>(reader.require("values"), reader.path_of("values"), to_number)};
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

Schedule make_hyperparam_schedule(const Config& config, const std::string& path) {
  if (const auto* schedule = config.get_if<Schedule>()) return *schedule;
  if (number_in(config)) return to_number(config, path);
  return with_path(path, [&]() -> Schedule {
    if (config.get_if<ConfigList>() != nullptr) return Cycling{to_list<double>(config, path, to_number)};
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
    if (const Config* steps = reader.find("steps")) {
      schedule.steps = to_list<int64_t>(*steps, reader.path_of("steps"), to_integer);
    }
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

std::string ConfigReader::text(std::string_view key, std::optional<std::string> otherwise) {
  const Config* found = otherwise ? find(key) : &require(key);
  if (found == nullptr) return *std::move(otherwise);
  const auto* text = found->get_if<std::string>();
  if (text == nullptr) fail<ConfigError>(path_of(key), "it must be a text", found->describe());
  return *text;
}

Schedule ConfigReader::schedule(std::string_view key, std::optional<Schedule> otherwise) {
  const Config* found = otherwise ? find(key) : &require(key);
  return found == nullptr ? *std::move(otherwise) : make_hyperparam_schedule(*found, path_of(key));
}

SparsitySettings ConfigReader::settings() {
  const bool named_schedule = find("schedule") != nullptr;
  if (named_schedule && find("sparsity") != nullptr) {
    fail<ConfigError>(path_, "sparsity and schedule are the same setting", "both are given", "leave one out");
  }
  SparsitySettings settings{.sparsity = schedule(named_schedule ? "schedule" : "sparsity")};
  if (const Config* method = find("init_method")) {
    if (const auto* function = method->get_if<InitMethod>()) {
      settings.init_method = *function;
    } else {
      settings.init_method = with_path(path_of("init_method"), [&] { return make_init_method(text("init_method")); });
    }
  }
  const int64_t seed = integer("seed", 0);
  if (seed < 0) fail<ConfigError>(path_of("seed"), "it must not be negative", fmt::format("{}", seed));
  settings.seed = static_cast<uint64_t>(seed);
  return settings;
}

UpdateSchedule ConfigReader::update() {
  const Config* found = find("update");
  return found == nullptr ? UpdateSchedule() : make_update_schedule(*found, path_of("update"));
}

void ConfigReader::finish() const {
  const std::vector<std::string> known(known_.begin(), known_.end());
  for (const auto& [key, value] : map_) {
    if (known_.contains(key)) continue;
    fail<ConfigError>(path_of(key), fmt::format("the keys here are {}", fmt::join(known, ", ")), "an unknown key",
                      guess(key, known));
  }
}

}  // namespace gossamer::sparse
