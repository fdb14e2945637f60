// The command line of the ratio program.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/layer.h"
#include "bench/peers.h"
#include "gossamer/csr_pattern.h"

namespace gossamer::bench {

struct Options {
  std::vector<LayerSize> sizes;
  std::vector<double> sparsities;
  std::shared_ptr<const CsrPattern> pattern;  // of sizes[0] and sparsities[0], the only ones; null: at random
  std::vector<Kernel> kernels;
  std::vector<Layout> layouts;
  std::vector<int> threads;
  std::vector<PeerLibrary> peers;
  bool quick = false;
  double budget_s = 0;  // wall time for all measurements together
  std::filesystem::path json, svg;
  std::vector<std::string> rest;  // of the command line, for Google Benchmark
};

// The options of a command line, with the defaults for all that it does not say; none when --help was printed. Reads
// the pattern. Throws ConfigError, FormatError.
std::optional<Options> parse_options(int argc, char** argv);

}  // namespace gossamer::bench
