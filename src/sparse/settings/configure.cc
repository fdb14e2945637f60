#include "gossamer/sparse/configure.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "config/config_errors.h"
#include "runtime/check.h"
#include "runtime/log.h"
#include "sparse/settings/factories.h"

namespace gossamer::sparse {

namespace {

// Never destroyed, so that threads which outlive main may still configure.
Registry<AlgorithmFactory>& registry() {
  static auto* const registry = new Registry<AlgorithmFactory>(library_factories());
  return *registry;
}

ParameterFilter make_filter(const Config* config, const std::string& path) {
  if (config == nullptr) return default_sparse_param_filter;
  if (const auto* filter = config->get_if<ParameterFilter>()) return *filter;
  if (const auto* glob = config->get_if<std::string>()) return *glob;
  const auto* list = config->get_if<ConfigList>();
  if (list == nullptr || list->empty()) {
    fail<ConfigError>(path, "it must be a glob or a list of globs", config->describe());
  }
  std::vector<std::string> globs;
  for (size_t i = 0; i < list->size(); ++i) {
    const auto* glob = (*list)[i].get_if<std::string>();
    if (glob == nullptr) {
      fail<ConfigError>(fmt::format("{}[{}]", path, i), "it must be a glob", (*list)[i].describe());
    }
    globs.push_back(*glob);
  }
  return globs;
}

// Whether the value of a key `sparsity` is the settings of sparsity as a whole.
bool is_settings(const Config& config) {
  if (const auto* list = config.get_if<ConfigList>()) return !list->empty() && is_settings(list->front());
  const auto* map = config.get_if<ConfigMap>();
  if (map == nullptr) return false;
  return std::ranges::any_of(*map, [](const auto& entry) {
    constexpr std::string_view kKeys[] = {"algorithm", "sparsity", "schedule", "param_filter", "groups"};
    return std::ranges::find(kKeys, entry.first) != std::end(kKeys);
  });
}

// What earlier versions of the original called a key, and what surrounds the settings of sparsity in its files.
void refuse_known_mistakes(const Config& config, const std::string& path) {
  const ConfigMap& map = *config.get_if<ConfigMap>();
  const auto has = [&](std::string_view key) {
    return std::ranges::find(map, key, &ConfigMap::value_type::first) != map.end();
  };
  if (has("param_name_patterns")) {
    fail<ConfigError>(path + ".param_name_patterns", "the key is called param_filter", "an old name of it",
                      "did you mean 'param_filter'?");
  }
  if (const auto found = std::ranges::find(map, "sparsity", &ConfigMap::value_type::first); found != map.end()) {
    if (is_settings(found->second)) {
      fail<ConfigError>(path, "the settings of sparsity must be given alone",
                        "a map with the key 'sparsity' around them", "pass config.at(\"sparsity\")");
    }
    const auto* by_name = found->second.get_if<ConfigMap>();
    if (by_name != nullptr && !by_name->empty() && by_name->front().first.find_first_of(".*") != std::string::npos) {
      fail<ConfigError>(path + ".sparsity",
                        "it must be a number, a list of numbers, or a map with the type of a schedule",
                        fmt::format("a map with the key '{}'", by_name->front().first),
                        "for a sparsity by name give a list of maps, each with a param_filter");
    }
  }
  if (has("algorithm") || has("type") || has("sparsity") || has("schedule")) return;
  for (const std::string outer : {"trainer", "init"}) {
    if (!has(outer)) continue;
    fail<ConfigError>(
        path, "the settings of sparsity must be given alone", fmt::format("a map with the key '{}'", outer),
        fmt::format("pass config{}.at(\"init\").at(\"sparsity\")", outer == "trainer" ? ".at(\"trainer\")" : ""));
  }
}

// f(), with the path of the key in front of what an algorithm says about the option of that name: "RigL: window must
// be ..." is about config.window.
template <class F>
auto with_key(const Config& config, const std::string& path, F&& f) {
  try {
    return f();
  } catch (const ConfigError& error) {
    const std::string_view text = error.what();
    const size_t begin = std::min(text.find(": "), text.size() - 2) + 2;
    const std::string_view word = text.substr(begin, text.find(' ', begin) - begin);
    for (const auto& [key, value] : *config.get_if<ConfigMap>()) {
      const bool is_meant = key == word || (key == "schedule" && word == "sparsity");
      if (is_meant && !text.starts_with(path)) throw ConfigError(fmt::format("{}.{}: {}", path, key, text));
    }
    throw;
  }
}

Execution read_execution(ConfigReader& reader) {
  const std::string name = to_lower(reader.text("execution"));
  if (name == "auto") return Execution::Auto;
  if (name == "csr") return Execution::Csr;
  if (name == "dense") return Execution::Dense;
  fail<ConfigError>(reader.path_of("execution"), "it must be auto, csr or dense", fmt::format("the text '{}'", name));
}

GroupEntry make_entry(const Config& config, const std::string& path) {
  refuse_known_mistakes(config, path);
  ConfigReader reader(config, path);
  std::string key = "algorithm";
  if (reader.find("algorithm") == nullptr && reader.find("type") != nullptr) {
    rt::log(LogLevel::Warning, fmt::format("{}: 'type' is deprecated, write 'algorithm'", reader.path_of("type")));
    key = "type";
  }
  const AlgorithmFactory make = registry().find(reader.text(key, "static"), reader.path_of(key));
  ParameterFilter filter = make_filter(reader.find("param_filter"), reader.path_of("param_filter"));
  auto algorithm = with_path(path, [&] { return with_key(config, path, [&] { return make(reader); }); });
  if (reader.find("execution") != nullptr) algorithm->set_execution(read_execution(reader));
  if (reader.find("algorithm") != nullptr && reader.find("type") != nullptr) {
    fail<ConfigError>(reader.path_of("type"), "'type' and 'algorithm' are the same setting", "both are given",
                      "leave 'type' out");
  }
  reader.finish();
  return {std::move(filter), std::move(algorithm)};
}

// {algorithm, param_filter, params: {...}} as one map.
Config without_params(const Config& config, const std::string& path) {
  const auto* map = config.get_if<ConfigMap>();
  if (map == nullptr) return config;
  ConfigMap flat;
  for (const auto& [key, value] : *map) {
    if (key != "params") {
      flat.emplace_back(key, value);
      continue;
    }
    const auto* params = value.get_if<ConfigMap>();
    if (params == nullptr) fail<ConfigError>(path + ".params", "it must be a map", value.describe());
    flat.insert(flat.end(), params->begin(), params->end());
  }
  return flat;
}

void add_entries(Group& group, const Config& config, const std::string& path, bool wrapped) {
  if (const auto* list = config.get_if<ConfigList>()) {
    for (size_t i = 0; i < list->size(); ++i) {
      add_entries(group, (*list)[i], fmt::format("{}[{}]", path, i), wrapped);
    }
    return;
  }
  if (config.get_if<int64_t>() != nullptr || config.get_if<uint64_t>() != nullptr ||
      config.get_if<double>() != nullptr) {
    group.add(make_entry(ConfigMap{{"sparsity", config}}, path));
    return;
  }
  if (config.get_if<ConfigMap>() == nullptr) {
    fail<ConfigError>(path, "it must be a number, a map, or a list of these", config.describe());
  }
  group.add(make_entry(wrapped ? without_params(config, path) : config, path));
}

}  // namespace

bool default_sparse_param_filter(const std::string& name, const Parameter& parameter) {
  if (parameter.shape().rank() <= 1) return false;
  const std::string lower = to_lower(name);
  constexpr std::string_view kDense[] = {"embedding", "norm", "lm_head", "pe_helper"};
  return std::ranges::none_of(kDense, [&](std::string_view part) { return lower.find(part) != std::string::npos; });
}

Group configure(const Config& config) {
  if (config.is_null()) return Group::none();
  Group group;
  const auto* map = config.get_if<ConfigMap>();
  const bool wrapped = map != nullptr && map->size() == 1 && map->front().first == "groups";
  add_entries(group, wrapped ? map->front().second : config, wrapped ? "config.groups" : "config", wrapped);
  return group;
}

void register_algorithm(const std::string& name, AlgorithmFactory make) {
  registry().add("register_algorithm", name, std::move(make));
}

}  // namespace gossamer::sparse
