#include "config/config_errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <numeric>
#include <utility>

#include "gossamer/config.h"
#include "runtime/check.h"

namespace gossamer {

namespace {

// Insertions, deletions, replacements and swaps of neighbours from a to b.
size_t edit_distance(std::string_view a, std::string_view b) {
  // Row i holds the distances from the first i characters of a.
  std::vector<size_t> above(b.size() + 1);
  std::iota(above.begin(), above.end(), size_t{0});
  std::vector<size_t> two_above;
  for (size_t i = 1; i <= a.size(); ++i) {
    std::vector<size_t> row(b.size() + 1, i);
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1), above[j] + 1, row[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], two_above[j - 2] + 1);
    }
    two_above = std::exchange(above, std::move(row));
  }
  return above.back();
}

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

std::vector<std::string> nearest(std::string_view name, std::vector<std::string> names, size_t count) {
  std::vector<std::pair<size_t, std::string>> ranked;
  for (std::string& known : names) {
    const size_t distance = edit_distance(name, known);
    ranked.emplace_back(distance, std::move(known));
  }
  std::ranges::stable_sort(ranked, {}, &std::pair<size_t, std::string>::first);
  if (ranked.size() > count) ranked.resize(count);
  std::vector<std::string> found;
  for (auto& [distance, known] : ranked) found.push_back(std::move(known));
  return found;
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
