// The command line of the ratio program, and of `gossamer bench`.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/layer.h"
#include "bench/peers.h"
#include "gossamer/csr_pattern.h"
#include "gossamer/ops.h"

namespace CLI {
class App;
}

namespace gossamer::bench {

struct Options {
  std::vector<LayerSize> sizes;
  std::vector<LayerSize> serving;  // of one sample, which are only asked: forward, batch-first, on one thread
  std::vector<double> sparsities;
  std::shared_ptr<const CsrPattern> pattern;  // of sizes[0] and sparsities[0], the only ones; null: at random
  std::filesystem::path pattern_file;         // where that comes from
  std::vector<Kernel> kernels;
  std::vector<Layout> layouts;
  std::vector<int> threads;
  Execution execution = Execution::Auto;
  std::vector<PeerLibrary> peers;
  bool quick = false;
  double budget_s = 0;  // wall time for all measurements together
  std::filesystem::path json, svg;
  std::vector<std::string> rest;  // of the command line, for Google Benchmark
};

// Adds the options to a parser.
class OptionParser {
 public:
  // `defaults` says where files go; `with_peers`, whether there is --peers, or no other library is measured.
  OptionParser(CLI::App& app, Options defaults, bool with_peers);
  ~OptionParser();
  OptionParser(const OptionParser&) = delete;
  OptionParser& operator=(const OptionParser&) = delete;

  // Once the command line was parsed. Reads the pattern. Throws ConfigError, FormatError.
  Options finish();

 private:
  struct Given;
  Options options_;
  std::unique_ptr<Given> given_;
};

// The options of a command line, with the defaults for all that it does not say; none when --help was printed. Reads
// the pattern. Throws ConfigError, FormatError.
std::optional<Options> parse_options(int argc, char** argv);

}  // namespace gossamer::bench
