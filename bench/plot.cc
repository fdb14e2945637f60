#include "bench/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <vector>

#include "bench/table.h"
#include "runtime/xml_text.h"

namespace gossamer::bench {

namespace {

constexpr double kPanelWidth = 400, kPanelHeight = 330;
constexpr double kLeft = 64, kGapX = 56, kGapY = 84, kTop = 124, kRight = 28, kBottom = 116;
constexpr double kMinWidth = 640, kLegendRow = 20;
constexpr double kMinTickGap = 36;  // between labels of the sparsity axis

constexpr const char* kInk = "#222222";
constexpr const char* kGray = "#707070";
constexpr const char* kGrid = "#e6e6e6";

// Colours that stay apart for colour-blind readers (Okabe and Ito).
const char* color(Kernel kernel) {
  switch (kernel) {
    case Kernel::Forward:
      return "#0072b2";
    case Kernel::InputGrad:
      return "#e69f00";
    case Kernel::WeightGrad:
      return "#009e73";
    case Kernel::Step:
      break;
  }
  return "#d55e00";
}

double density_log(double sparsity) { return -std::log(1 - sparsity); }

// What all panels share, so that they can be compared by eye.
struct Axes {
  std::vector<double> sparsities;  // measured ones
  double x_low, x_high;            // density_log
  double y_low, y_high;            // speedups

  explicit Axes(std::span<const GeometricMean> means) : y_low(0.8), y_high(1.25) {
    for (const GeometricMean& m : means) {
      if (std::ranges::find(sparsities, m.sparsity) == sparsities.end()) sparsities.push_back(m.sparsity);
      y_low = std::min(y_low, m.ratio / 1.15);
      y_high = std::max({y_high, m.ratio * 1.15, 1.15 / (1 - m.sparsity)});
    }
    std::ranges::sort(sparsities);
    x_low = density_log(sparsities.front());
    x_high = density_log(sparsities.back());
    const double margin = x_high > x_low ? 0.03 * (x_high - x_low) : 0.5;
    x_low = std::max(0.0, x_low - margin);
    x_high += margin;
  }

  double x(double sparsity) const { return kPanelWidth * (density_log(sparsity) - x_low) / (x_high - x_low); }
  double y(double ratio) const { return kPanelHeight * (1 - std::log(ratio / y_low) / std::log(y_high / y_low)); }
};

class Svg {
 public:
  struct Stroke {
    const char* color;
    double width = 1;
    const char* dashes = "";
  };

  void line(double x1, double y1, double x2, double y2, const Stroke& stroke) {
    put(R"(<path d="M{:.1f} {:.1f}L{:.1f} {:.1f}"{}/>)", x1, y1, x2, y2, attributes(stroke));
  }

  void polyline(const std::vector<std::pair<double, double>>& points, const Stroke& stroke) {
    std::string path;
    for (const auto& [x, y] : points) path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", x, y);
    put(R"(<path d="{}"{} fill="none" stroke-linejoin="round"/>)", path, attributes(stroke));
  }

  void dot(double x, double y, double radius, const char* fill, const char* stroke) {
    put(R"(<circle cx="{:.1f}" cy="{:.1f}" r="{}" fill="{}" stroke="{}" stroke-width="1.2"/>)", x, y, radius, fill,
        stroke);
  }

  // `style` holds further attributes.
  void text(double x, double y, std::string_view what, std::string_view style = "") {
    put(R"(<text x="{:.1f}" y="{:.1f}" {}>{}</text>)", x, y, style, rt::xml_text(what));
  }

  void begin_group(double x, double y) { put(R"svg(<g transform="translate({:.1f} {:.1f})">)svg", x, y); }
  void end_group() { put("</g>"); }

  std::string document(double width, double height) const {
    return fmt::format(
        R"(<svg xmlns="http://www.w3.org/2000/svg" width="{0:.0f}" height="{1:.0f}" viewBox="0 0 {0:.0f} {1:.0f}" )"
        R"(font-family="Helvetica, Arial, sans-serif" font-size="12" fill="{2}">)"
        "\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{3}</svg>\n",
        width, height, kInk, body_);
  }

 private:
  static std::string attributes(const Stroke& stroke) {
    const std::string dashes = *stroke.dashes == '\0' ? "" : fmt::format(R"( stroke-dasharray="{}")", stroke.dashes);
    return fmt::format(R"( stroke="{}" stroke-width="{}"{})", stroke.color, stroke.width, dashes);
  }

  template <class... Args>
  void put(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(body_), format, std::forward<Args>(args)...);
    body_ += '\n';
  }

  std::string body_;
};

constexpr Svg::Stroke kIdeal{kGray, 1.5, "6 4"};
constexpr const char* kPeerDashes = "2 3";
constexpr const char* kFewDashes = "10 4";

Svg::Stroke stroke_of(const Series& series) {
  const bool own = series.library == kOwnLibrary;
  return {color(series.kernel), own ? 2.2 : 1.5, !own ? kPeerDashes : series.few_samples ? kFewDashes : ""};
}

void draw_axes(Svg& svg, const Axes& axes) {
  double last = -kMinTickGap;
  for (const double s : axes.sparsities) {
    const double x = axes.x(s);
    svg.line(x, 0, x, kPanelHeight, {kGrid});
    if (x - last < kMinTickGap) continue;
    svg.text(x, kPanelHeight + 18, fmt::format("{:.4g} %", 100 * s), R"(text-anchor="middle")");
    last = x;
  }
  for (double decade = 0.001; decade < axes.y_high; decade *= 10) {
    for (const double step : {1, 2, 5}) {
      const double tick = decade * step;
      if (tick < axes.y_low || tick > axes.y_high) continue;
      const double y = axes.y(tick);
      const bool one = std::abs(tick - 1) < 1e-9;
      svg.line(0, y, kPanelWidth, y, {one ? kInk : kGrid, one ? 1.2 : 1});
      svg.text(-8, y + 4, fmt::format("{:g}", tick), R"(text-anchor="end")");
    }
  }
}

void draw_panel(Svg& svg, const Axes& axes, std::span<const GeometricMean> means, const Series& like) {
  svg.text(0, -12, fmt::format("{}, {}", name(like.layout), threads_text(like.threads)),
           R"(font-size="14" font-weight="bold")");
  draw_axes(svg, axes);
  const auto sparsity_at = [](double x) { return 1 - std::exp(-x); };
  // Where the ideal enters the panel, and where it leaves it.
  const double from = sparsity_at(std::max(axes.x_low, std::log(axes.y_low)));
  const double to = sparsity_at(std::min(axes.x_high, std::log(axes.y_high)));
  svg.line(axes.x(from), axes.y(1 / (1 - from)), axes.x(to), axes.y(1 / (1 - to)), kIdeal);
  // Other libraries first, so that Gossamer's lines lie above them.
  for (const bool own : {false, true}) {
    for (auto begin = means.begin(); begin != means.end();) {
      const Series& series = begin->series;
      const auto end = std::find_if(begin, means.end(), [&](const GeometricMean& m) { return m.series != series; });
      if (series.layout == like.layout && series.threads == like.threads && (series.library == kOwnLibrary) == own) {
        std::vector<std::pair<double, double>> points;
        for (auto m = begin; m != end; ++m) points.emplace_back(axes.x(m->sparsity), axes.y(m->ratio));
        svg.polyline(points, stroke_of(series));
        const char* const ink = color(series.kernel);
        for (const auto& [x, y] : points) svg.dot(x, y, own ? 3.2 : 2.4, own ? ink : "#ffffff", ink);
      }
      begin = end;
    }
  }
}

// Entries from the left, in as many rows as the width asks for.
void draw_legend(Svg& svg, std::span<const GeometricMean> means, double width) {
  double x = 0, y = 0;
  const auto entry = [&](std::string_view label, const Svg::Stroke& stroke) {
    const double needed = 32 + 7.0 * static_cast<double>(label.size());
    if (x > 0 && x + needed > width) {
      x = 0;
      y += kLegendRow;
    }
    svg.line(x, y - 4, x + 26, y - 4, stroke);
    svg.text(x + 32, y, label);
    x += needed + 22;
  };
  for (const Kernel kernel : kKernels) {
    if (std::ranges::any_of(means, [&](const GeometricMean& m) { return m.series.kernel == kernel; })) {
      entry(name(kernel), {color(kernel), 2.2});
    }
  }
  entry("ideal 1/(1-s)", kIdeal);
  if (std::ranges::any_of(means, [](const GeometricMean& m) { return m.series.few_samples; })) {
    entry("few samples", {kInk, 2.2, kFewDashes});
  }
  std::vector<std::string> libraries;
  for (const GeometricMean& m : means) {
    const std::string& library = m.series.library;
    if (library == kOwnLibrary || std::ranges::find(libraries, library) != libraries.end()) continue;
    libraries.push_back(library);
    entry(fmt::format("the same by {}", library), {kInk, 1.5, kPeerDashes});
  }
}

}  // namespace

std::string ratio_plot(std::span<const GeometricMean> means, std::string_view machine) {
  Svg svg;
  if (means.empty()) return svg.document(1, 1);
  const Axes axes(means);
  std::vector<Layout> layouts;
  std::vector<int> threads;
  for (const GeometricMean& m : means) {
    if (std::ranges::find(layouts, m.series.layout) == layouts.end()) layouts.push_back(m.series.layout);
    if (std::ranges::find(threads, m.series.threads) == threads.end()) threads.push_back(m.series.threads);
  }
  const auto columns = static_cast<double>(layouts.size()), rows = static_cast<double>(threads.size());
  const double width = std::max(kLeft + columns * (kPanelWidth + kGapX) - kGapX + kRight, kMinWidth);
  const double height = kTop + rows * (kPanelHeight + kGapY) - kGapY + kBottom;

  svg.text(kLeft, 36, "Speedup of CSR over dense products on OpenBLAS", R"(font-size="18" font-weight="bold")");
  const std::string gray = fmt::format(R"(fill="{}")", kGray);
  svg.text(kLeft, 58, "geometric means over all shapes; above 1, CSR is faster", gray);
  svg.text(kLeft, 75, machine, gray);
  for (size_t row = 0; row < threads.size(); ++row) {
    for (size_t column = 0; column < layouts.size(); ++column) {
      svg.begin_group(kLeft + static_cast<double>(column) * (kPanelWidth + kGapX),
                      kTop + static_cast<double>(row) * (kPanelHeight + kGapY));
      draw_panel(svg, axes, means, {Kernel::Step, layouts[column], threads[row]});
      svg.text(kPanelWidth / 2, kPanelHeight + 38, "sparsity", R"(text-anchor="middle")");
      if (column == 0) {
        svg.text(-kPanelHeight / 2, -42, "speedup", R"svg(text-anchor="middle" transform="rotate(-90)")svg");
      }
      svg.end_group();
    }
  }
  svg.begin_group(kLeft, height - 22 - kLegendRow);
  draw_legend(svg, means, width - kLeft - kRight);
  svg.end_group();
  return svg.document(width, height);
}

}  // namespace gossamer::bench
