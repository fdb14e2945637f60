#include "sparse/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <iterator>

namespace gossamer::sparse {

std::string format_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string table;
  const auto to = std::back_inserter(table);
  for (size_t r = 0; r < rows.size(); ++r) {
    fmt::format_to(to, "  {:<{}}", rows[r][0], widths[0]);
    for (size_t i = 1; i < rows[r].size(); ++i) fmt::format_to(to, "   {:>{}}", rows[r][i], widths[i]);
    table += '\n';
    if (r > 0) continue;
    size_t length = 0;
    for (const size_t width : widths) length += width + 3;
    fmt::format_to(to, "  {}\n", std::string(length - 3, '-'));
  }
  return table;
}

std::string percent(double share, int digits) { return fmt::format("{:.{}f} %", 100 * share, digits); }
std::string kib(int64_t bytes) { return fmt::format("{:.0f} KiB", static_cast<double>(bytes) / 1024); }

}  // namespace gossamer::sparse
