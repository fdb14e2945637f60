#include "config/config_errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <utility>

#include "config/nearest.h"
#include "gossamer/config.h"
#include "runtime/check.h"

namespace gossamer {

namespace {

// Words that others use for a key or a name.
constexpr std::pair<std::string_view, std::string_view> kSynonyms[] = {
    {"begin", "start"}, {"end", "stop"}, {"every", "freq"}, {"interval", "freq"}, {"period", "freq"}};

// Whether one is the other cut short: "cos" and "cosine".
bool is_cut_short(std::string_view a, std::string_view b) {
  const size_t shorter = std::min(a.size(), b.size());
  return shorter >= 3 && a.substr(0, shorter) == b.substr(0, shorter);
}

}  // namespace

std::string to_lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
  return lower;
}

std::string guess(std::string_view name, const std::vector<std::string>& names) {
  const std::string lower = to_lower(name);
  const auto distance = [&](const std::string& known) { return edit_distance(lower, known); };
  const auto synonym = [&](const std::string& known) {
    return std::ranges::find(kSynonyms, std::pair<std::string_view, std::string_view>(lower, known)) !=
           std::end(kSynonyms);
  };
  auto meant = std::ranges::min_element(names, {}, distance);
  if (meant != names.end() && distance(*meant) > std::max<size_t>(1, meant->size() / 3)) {
    meant = std::ranges::find_if(names, [&](const std::string& known) { return is_cut_short(lower, known); });
    if (meant == names.end()) meant = std::ranges::find_if(names, synonym);
  }
  return meant == names.end() ? "" : fmt::format("did you mean '{}'?", *meant);
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
