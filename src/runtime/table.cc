#include "runtime/table.h"

#include <fmt/format.h>

#include <algorithm>

namespace gossamer::rt {

std::string format_table(const std::vector<std::vector<std::string>>& rows, size_t left) {
  constexpr size_t kGap = 3;
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  size_t length = 0;
  for (const size_t width : widths) length += width + kGap;
  std::string table;
  for (const auto& row : rows) {
    std::string line = row.empty() ? "  " + std::string(length - kGap, '-') : " ";
    for (size_t i = 0; i < row.size(); ++i) {
      line += std::string(i == 0 ? 1 : kGap, ' ');
      line += i < left ? fmt::format("{:<{}}", row[i], widths[i]) : fmt::format("{:>{}}", row[i], widths[i]);
    }
    line.resize(line.find_last_not_of(' ') + 1);
    table += line + "\n";
  }
  return table;
}

std::string percent(double share, int digits) { return fmt::format("{:.{}f} %", 100 * share, digits); }
std::string kib(int64_t bytes) { return fmt::format("{:.0f} KiB", static_cast<double>(bytes) / 1024); }

}  // namespace gossamer::rt
