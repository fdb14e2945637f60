#include "config/config_errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "config/nearest.h"
#include "gossamer/config.h"
#include "runtime/check.h"

namespace gossamer {

std::string to_lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
  return lower;
}

std::string guess(std::string_view name, const std::vector<std::string>& names) {
  const std::string lower = to_lower(name);
  const auto distance = [&](const std::string& known) { return edit_distance(lower, known); };
  const auto closest = std::ranges::min_element(names, {}, distance);
  if (closest == names.end() || distance(*closest) > std::max<size_t>(1, closest->size() / 3)) return "";
  return fmt::format("did you mean '{}'?", *closest);
}

std::vector<std::string> closest(std::string_view name, std::vector<std::string> names, size_t most) {
  std::ranges::stable_sort(names, {}, [&](const std::string& known) { return edit_distance(name, known); });
  if (names.size() > most) names.resize(most);
  return names;
}

namespace registry_detail {

std::string lower_case(std::string_view text) { return to_lower(text); }

void refuse_name(std::string_view path, std::string_view name, const std::vector<std::string>& known) {
  fail<ConfigError>(path, fmt::format("it must be one of {}", fmt::join(known, ", ")),
                    fmt::format("the text '{}'", name), guess(name, known));
}

void refuse_empty(std::string_view op, std::string_view name) {
  fail<ConfigError>(op, "there must be a name and a function", name.empty() ? "an empty name" : "an empty function");
}

void refuse_taken(std::string_view op, std::string_view name) {
  fail<ConfigError>(op, "a name may be registered once", fmt::format("'{}' is taken", name));
}

}  // namespace registry_detail

}  // namespace gossamer
