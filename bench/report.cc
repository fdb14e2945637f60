#include "bench/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "bench/machine.h"
#include "runtime/check.h"

namespace gossamer::bench {

namespace {

using Row = std::vector<std::string>;

// The first two columns are aligned left, all others right. An empty row becomes a rule.
std::string format_table(const std::vector<Row>& rows) {
  std::vector<size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  size_t length = 0;
  for (const size_t width : widths) length += width + 2;
  std::string text;
  for (const Row& row : rows) {
    if (row.empty()) text += "  " + std::string(length - 2, '-');
    for (size_t i = 0; i < row.size(); ++i) {
      text += i < 2 ? fmt::format("  {:<{}}", row[i], widths[i]) : fmt::format("  {:>{}}", row[i], widths[i]);
    }
    while (!text.empty() && text.back() == ' ') text.pop_back();
    text += "\n";
  }
  return text;
}

template <class T>
void add_unique(std::vector<T>& list, const T& value) {
  if (std::ranges::find(list, value) == list.end()) list.push_back(value);
}

std::string percent(double share) { return fmt::format("{:.4g} %", 100 * share); }
std::string times(double ratio) { return ratio < 10 ? fmt::format("{:.2f}", ratio) : fmt::format("{:.1f}", ratio); }

// The table of one layout and number of threads.
std::string section(std::span<const Ratio> ratios, Layout layout, int threads) {
  std::vector<Ratio> own;
  for (const Ratio& r : ratios) {
    if (r.series.layout == layout && r.series.threads == threads) own.push_back(r);
  }
  std::vector<double> sparsities;
  std::vector<LayerSize> sizes;
  std::vector<Kernel> kernels;
  for (const Ratio& r : own) {
    add_unique(sparsities, r.sparsity);
    add_unique(sizes, r.size);
    add_unique(kernels, r.series.kernel);
  }
  std::ranges::sort(sparsities);
  std::ranges::sort(kernels);
  const std::vector<GeometricMean> means = geometric_means(own);
  const std::vector<Crossover> crossings = crossovers(means);

  std::vector<Row> rows = {{"kernel", "M x K x N"}};
  for (const double s : sparsities) rows[0].push_back(percent(s));
  rows[0].push_back("crossover");
  for (const Kernel kernel : kernels) {
    const Series series{kernel, layout, threads};
    rows.emplace_back();
    for (const LayerSize& size : sizes) {
      Row row = {size == sizes.front() ? std::string(name(kernel)) : "", to_string(size)};
      for (const double s : sparsities) {
        const auto found = std::ranges::find_if(
            own, [&](const Ratio& r) { return r.series == series && r.size == size && r.sparsity == s; });
        row.push_back(found == own.end() ? "" : times(found->ratio()));
      }
      rows.push_back(row);
    }
    Row row = {"", "geometric mean"};
    for (const double s : sparsities) {
      const auto found =
          std::ranges::find_if(means, [&](const GeometricMean& m) { return m.series == series && m.sparsity == s; });
      row.push_back(found == means.end() ? "" : times(found->ratio));
    }
    const auto crossing = std::ranges::find(crossings, series, &Crossover::series);
    if (!crossing->sparsity) {
      row.emplace_back("never");
    } else {
      row.push_back((*crossing->sparsity == sparsities.front() ? "<= " : "") + percent(*crossing->sparsity));
    }
    rows.push_back(row);
  }
  return fmt::format("\n{}, {} thread{}\n{}", name(layout), threads, threads == 1 ? "" : "s", format_table(rows));
}

nlohmann::ordered_json head(const Series& series) {
  return {{"kernel", name(series.kernel)}, {"layout", name(series.layout)}};
}

}  // namespace

std::string to_string(const LayerSize& size) { return fmt::format("{}x{}x{}", size.m, size.k, size.n); }

std::string ratio_table(std::span<const Ratio> ratios) {
  struct Section {
    Layout layout;
    int threads;
    bool operator==(const Section&) const = default;
  };
  std::vector<Section> sections;
  for (const Ratio& r : ratios) add_unique(sections, Section{r.series.layout, r.series.threads});
  std::string text =
      fmt::format("Time of OpenBLAS divided by time of CSR (above 1, CSR is faster). {}\n", describe(machine()));
  for (const Section& s : sections) text += section(ratios, s.layout, s.threads);
  return text;
}

void check_writable(const char* option, const std::filesystem::path& file) {
  if (!std::ofstream(file, std::ios::app)) {
    fail<ConfigError>(option, "the file must be writable", fmt::format("'{}'", file.string()));
  }
}

void write_json(std::span<const Ratio> ratios, const std::filesystem::path& file) {
  using Json = nlohmann::ordered_json;
  const Machine here = machine();
  Json json = {
      {"machine",
       {{"cpu", here.cpu}, {"cores", here.cores}, {"simd_target", here.simd_target}, {"openblas", here.openblas}}},
      {"ratios", Json::array()},
      {"geomean", Json::array()},
      {"crossover", Json::array()}};
  for (const Ratio& r : ratios) {
    Json entry = head(r.series);
    entry.update({{"m", r.size.m},
                  {"k", r.size.k},
                  {"n", r.size.n},
                  {"sparsity", r.sparsity},
                  {"threads", r.series.threads},
                  {"sparse_s", r.sparse_s},
                  {"dense_s", r.dense_s},
                  {"ratio", r.ratio()}});
    json["ratios"].push_back(entry);
  }
  const std::vector<GeometricMean> means = geometric_means(ratios);
  for (const GeometricMean& m : means) {
    Json entry = head(m.series);
    entry.update({{"sparsity", m.sparsity}, {"threads", m.series.threads}, {"ratio", m.ratio}});
    json["geomean"].push_back(entry);
  }
  for (const Crossover& c : crossovers(means)) {
    Json entry = head(c.series);
    entry["threads"] = c.series.threads;
    entry["sparsity"] = c.sparsity ? Json(*c.sparsity) : Json();
    json["crossover"].push_back(entry);
  }
  std::ofstream out(file);
  out << json.dump(2) << "\n";
  out.flush();
  if (!out) fail<ConfigError>("--json", "the file must be writable", fmt::format("'{}'", file.string()));
}

}  // namespace gossamer::bench
