// The command line of the ratio program.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "bench/products.h"

namespace gossamer::bench {

struct Options {
  std::vector<LayerSize> sizes;
  std::vector<double> sparsities;
  std::vector<Kernel> kernels;
  std::vector<Layout> layouts;
  std::vector<int> threads;
  bool quick = false;
  double budget_s = 0;  // wall time for all measurements together
  std::filesystem::path json;
  std::vector<std::string> rest;  // of the command line, for Google Benchmark
};

// The options of a command line; none when --help was printed. Throws ConfigError.
std::optional<Options> parse_options(int argc, char** argv);

}  // namespace gossamer::bench
