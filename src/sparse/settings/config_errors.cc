#include "sparse/settings/config_errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <numeric>

namespace gossamer::sparse {

namespace {

// Insertions, deletions and replacements from a to b.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string to_lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

std::string guess(std::string_view name, const std::vector<std::string>& names) {
  const std::string lower = to_lower(name);
  const auto distance = [&](const std::string& known) { return edit_distance(lower, known); };
  const auto closest = std::ranges::min_element(names, {}, distance);
  if (closest == names.end() || distance(*closest) > std::max<size_t>(1, closest->size() / 3)) return "";
  return fmt::format("did you mean '{}'?", *closest);
}

}  // namespace gossamer::sparse
