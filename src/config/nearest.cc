#include "config/nearest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

namespace gossamer {

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

namespace {
constexpr size_t kShown = 8;
}  // namespace

std::string list_first(std::span<const std::string> names) {
  return fmt::format("{}{}", fmt::join(names.first(std::min(names.size(), kShown)), ", "),
                     names.size() > kShown ? ", ..." : "");
}

std::string list_nearest(const std::vector<std::string>& wanted, std::vector<std::string> names) {
  std::vector<std::pair<size_t, std::string>> ranked;
  for (std::string& name : names) {
    size_t distance = std::numeric_limits<size_t>::max();
    for (const std::string& text : wanted) distance = std::min(distance, edit_distance(text, name));
    ranked.emplace_back(distance, std::move(name));
  }
  if (ranked.empty()) return "none";
  std::ranges::stable_sort(ranked, {}, &std::pair<size_t, std::string>::first);
  std::string list;
  const size_t shown = std::min(ranked.size(), kShown);
  for (size_t i = 0; i < shown; ++i) list += fmt::format("{}'{}'", i == 0 ? "" : ", ", ranked[i].second);
  return shown == ranked.size() ? list : fmt::format("{} and {} more", list, ranked.size() - shown);
}

}  // namespace gossamer
