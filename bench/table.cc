#include "bench/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "runtime/table.h"

namespace gossamer::bench {

namespace {

using Row = std::vector<std::string>;

template <class T>
void add_unique(std::vector<T>& list, const T& value) {
  if (std::ranges::find(list, value) == list.end()) list.push_back(value);
}

std::string percent(double share) { return fmt::format("{:.4g} %", 100 * share); }
std::string times(double ratio) { return fmt::format("{:.{}f}", ratio, ratio < 10 ? 2 : 1); }

// The ratios of one layout and number of threads, with few samples or with more.
class Section {
 public:
  Section(std::span<const Ratio> all, const Series& like) {
    for (const Ratio& r : all) {
      if (!belongs(r.series, like)) continue;
      ratios_.push_back(r);
      add_unique(sparsities_, r.sparsity);
      add_unique(sizes_, r.size);
      add_unique(kernels_, r.series.kernel);
      add_unique(libraries_, r.series.library);
    }
    std::ranges::sort(sparsities_);
    std::ranges::sort(kernels_);
    means_ = geometric_means(ratios_);
    crossovers_ = crossovers(means_);
    title_ = fmt::format("{}, {}", name(like.layout), threads_text(like.threads));
    if (like.few_samples) {
      title_ += fmt::format(", {}: dense is the faster of OpenBLAS and Gossamer's own", samples_text());
    }
  }

  static bool belongs(const Series& s, const Series& like) {
    return s.layout == like.layout && s.threads == like.threads && s.few_samples == like.few_samples;
  }

  std::string text() const {
    std::vector<Row> rows = {{"kernel", "M x K x N"}};
    for (const double s : sparsities_) rows[0].push_back(percent(s));
    rows[0].push_back("crossover");
    for (const Kernel kernel : kernels_) {
      rows.emplace_back();
      const size_t first = rows.size();
      Series series = ratios_.front().series;
      series.kernel = kernel;
      series.library = kOwnLibrary;
      for (const LayerSize& size : sizes_) add_sizes_row(rows, series, size);
      for (const std::string& library : libraries_) {
        series.library = library;
        add_means_row(rows, series);
      }
      if (rows.size() > first) rows[first][0] = name(kernel);
    }
    return fmt::format("\n{}\n{}", title_, rt::format_table(rows, 2));
  }

 private:
  // "1 sample", "2 to 8 samples"
  std::string samples_text() const {
    const auto [least, most] = std::ranges::minmax(sizes_, {}, &LayerSize::n);
    if (most.n == 1) return "1 sample";
    return fmt::format("{}{} samples", least.n < most.n ? fmt::format("{} to ", least.n) : "", most.n);
  }

  void add_sizes_row(std::vector<Row>& rows, const Series& series, const LayerSize& size) const {
    Row row = {"", to_string(size)};
    bool any = false;
    for (const double s : sparsities_) {
      const auto found = std::ranges::find_if(
          ratios_, [&](const Ratio& r) { return r.series == series && r.size == size && r.sparsity == s; });
      any |= found != ratios_.end();
      row.push_back(found == ratios_.end() ? "" : times(found->ratio()));
    }
    if (any) rows.push_back(row);
  }

  void add_means_row(std::vector<Row>& rows, const Series& series) const {
    const auto crossing = std::ranges::find(crossovers_, series, &Crossover::series);
    if (crossing == crossovers_.end()) return;
    Row row = {"", series.library == kOwnLibrary ? "geometric mean" : "(" + series.library + ")"};
    double lowest = 1;
    for (const double s : sparsities_) {
      const auto found =
          std::ranges::find_if(means_, [&](const GeometricMean& m) { return m.series == series && m.sparsity == s; });
      row.push_back(found == means_.end() ? "" : times(found->ratio));
      if (found != means_.end()) lowest = std::min(lowest, s);
    }
    if (!crossing->sparsity) {
      row.emplace_back("never");
    } else {
      row.push_back(fmt::format("{}{:.3g} %", *crossing->sparsity == lowest ? "<= " : "", 100 * *crossing->sparsity));
    }
    rows.push_back(row);
  }

  std::string title_;
  std::vector<Ratio> ratios_;
  std::vector<double> sparsities_;
  std::vector<LayerSize> sizes_;
  std::vector<Kernel> kernels_;
  std::vector<std::string> libraries_;
  std::vector<GeometricMean> means_;
  std::vector<Crossover> crossovers_;
};

}  // namespace

std::string threads_text(int threads) { return fmt::format("{} thread{}", threads, threads == 1 ? "" : "s"); }

std::string ratio_table(std::span<const Ratio> ratios) {
  std::vector<Series> sections;
  for (const Ratio& r : ratios) {
    const bool known = std::ranges::any_of(sections, [&](const Series& s) { return Section::belongs(r.series, s); });
    if (!known) sections.push_back(r.series);
  }
  std::string text =
      "Time of the dense product on OpenBLAS divided by time of the CSR product: above 1, CSR is faster\n";
  for (const Series& s : sections) text += Section(ratios, s).text();
  return text;
}

}  // namespace gossamer::bench
