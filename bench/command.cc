// gossamer bench: the table of ratios for an installed library, without Google Benchmark.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstddef>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "bench/json.h"
#include "bench/machine.h"
#include "bench/measurements.h"
#include "bench/options.h"
#include "bench/plot.h"
#include "bench/ratios.h"
#include "bench/table.h"
#include "cli/bar.h"
#include "cli/command.h"
#include "cli/text_file.h"

namespace gossamer::bench {

namespace {

std::vector<Ratio> measure(const Options& options) {
  Measurements measurements(options);
  const size_t count = measurements.groups().size();
  cli::WorkBar bar("bench", 1, cli::WorkBar::Work::Long);
  bar.begin(std::ssize(measurements.groups()));
  for (size_t i = 0; i < count; ++i) {
    measurements.measure(i);
    bar.advance();
  }
  return measurements.ratios();
}

void run_ratios(const Options& options) {
  cli::check_distinct({{"--pattern", options.pattern_file}, {"--json", options.json}, {"--svg", options.svg}});
  if (!options.json.empty()) cli::check_writable_text(options.json, "--json");
  if (!options.svg.empty()) cli::check_writable_text(options.svg, "--svg");
  const std::vector<Ratio> ratios = measure(options);
  const std::string here = describe(machine());
  fmt::print("{}\n{}", here, ratio_table(ratios));
  if (!options.json.empty()) cli::write_text(options.json, ratio_json(ratios), "--json");
  if (!options.svg.empty()) cli::write_text(options.svg, ratio_plot(geometric_means(ratios), here), "--svg");
}

}  // namespace

}  // namespace gossamer::bench

namespace gossamer::cli {

Run add_bench(CLI::App& app) {
  const auto parser = std::make_shared<bench::OptionParser>(app, bench::Options{}, false);
  return [parser] { bench::run_ratios(parser->finish()); };
}

}  // namespace gossamer::cli
