#include "cli/heat_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <string_view>

#include "cli/terminal.h"
#include "runtime/table.h"
#include "runtime/xml_text.h"

namespace gossamer::cli {

namespace {

constexpr double kPanel = 320;  // the longer side of a matrix
constexpr double kLeft = 24, kTop = 64, kGapX = 40, kGapY = 72;
constexpr size_t kColumns = 3;

// From a little to the fullest cell of the panel: light to dark blue, in steps that also print in gray.
constexpr std::array<const char*, 8> kColors = {"#deebf7", "#c6dbef", "#9ecae1", "#6baed6",
                                                "#4292c6", "#2171b5", "#08519c", "#08306b"};

// The step of a cell, 0 for one without nonzeros.
size_t level(double density, double most) {
  return density == 0 ? 0 : static_cast<size_t>(std::ceil(density / most * static_cast<double>(kColors.size())));
}

// One path for each colour, of runs of cells in a row.
void draw_cells(std::string& svg, const PatternCounts& counts, double most) {
  std::array<std::string, kColors.size() + 1> paths;
  for (int64_t r = 0; r < counts.cell_rows; ++r) {
    const auto level_at = [&](int64_t c) {
      return level(counts.density[static_cast<size_t>(r * counts.cell_cols + c)], most);
    };
    for (int64_t begin = 0, end = 0; begin < counts.cell_cols; begin = end) {
      const size_t step = level_at(begin);
      for (end = begin + 1; end < counts.cell_cols && level_at(end) == step; ++end) {
      }
      fmt::format_to(std::back_inserter(paths[step]), "M{} {}h{}v1h-{}z", begin, r, end - begin, end - begin);
    }
  }
  for (size_t step = 1; step < paths.size(); ++step) {
    if (paths[step].empty()) continue;
    fmt::format_to(std::back_inserter(svg), "<path d=\"{}\" fill=\"{}\"/>\n", paths[step], kColors[step - 1]);
  }
}

void draw_panel(std::string& svg, const HeatMap& map, double x, double y) {
  const PatternCounts& counts = map.counts;
  const auto rows = static_cast<double>(counts.size.rows), cols = static_cast<double>(counts.size.cols);
  // A matrix that is much longer than wide keeps a side that can be seen.
  const double longer = std::max({rows, cols, 1.0});
  const double width = kPanel * std::max(cols / longer, 0.1), height = kPanel * std::max(rows / longer, 0.1);
  const double most = counts.density.empty() ? 0 : std::ranges::max(counts.density);
  const double share = rows * cols == 0 ? 0 : static_cast<double>(counts.nnz) / (rows * cols);
  const auto out = std::back_inserter(svg);
  fmt::format_to(out, "<g transform=\"translate({:.1f} {:.1f})\">\n", x, y);
  fmt::format_to(out, "<text x=\"0\" y=\"-24\" font-weight=\"bold\">{}</text>\n", rt::xml_text(printable(map.name)));
  fmt::format_to(out, "<text x=\"0\" y=\"-8\" fill=\"#707070\">{} x {}, {} zero; darkest cell: {} not zero</text>\n",
                 counts.size.rows, counts.size.cols, rt::percent(1 - share), rt::percent(most));
  if (!counts.density.empty()) {
    // Without antialiasing, which would leave seams between cells.
    fmt::format_to(out, "<g transform=\"scale({:.4f} {:.4f})\" shape-rendering=\"crispEdges\">\n",
                   width / static_cast<double>(counts.cell_cols), height / static_cast<double>(counts.cell_rows));
    draw_cells(svg, counts, most);
    svg += "</g>\n";
  }
  fmt::format_to(out, "<rect width=\"{:.1f}\" height=\"{:.1f}\" fill=\"none\" stroke=\"#222222\"/>\n</g>\n", width,
                 height);
}

}  // namespace

std::string heat_map_svg(std::span<const HeatMap> maps) {
  const size_t columns = std::min(maps.size(), kColumns);
  const size_t rows = columns == 0 ? 0 : (maps.size() + columns - 1) / columns;
  std::string panels;
  for (size_t i = 0; i < maps.size(); ++i) {
    const size_t column = i % columns;
    const size_t row = i / columns;
    draw_panel(panels, maps[i], kLeft + static_cast<double>(column) * (kPanel + kGapX),
               kTop + static_cast<double>(row) * (kPanel + kGapY));
  }
  return fmt::format(
      R"(<svg xmlns="http://www.w3.org/2000/svg" width="{0:.0f}" height="{1:.0f}" viewBox="0 0 {0:.0f} {1:.0f}" )"
      R"(font-family="Helvetica, Arial, sans-serif" font-size="12" fill="#222222">)"
      "\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{2}</svg>\n",
      2 * kLeft + static_cast<double>(columns) * (kPanel + kGapX) - kGapX,
      kTop + static_cast<double>(rows) * (kPanel + kGapY), panels);
}

}  // namespace gossamer::cli
