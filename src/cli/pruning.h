// What `gossamer prune` does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace gossamer::cli {

// What is not there was not said: an option that its algorithm does not take is refused.
struct PruneCommand {
  std::filesystem::path file, output;
  std::string algorithm = "magnitude";
  std::optional<double> sparsity;
  std::optional<int64_t> n, m;
  std::optional<std::string> block;  // "4x4"
  bool global = false;
  std::vector<std::string> include, exclude;
  std::optional<uint64_t> seed;
  std::string form = "dense";
};

// Reads, prunes, writes, and prints what became of each weight. Throws ConfigError, FileError, FormatError, ShapeError.
void run_prune(const PruneCommand& command);

}  // namespace gossamer::cli
