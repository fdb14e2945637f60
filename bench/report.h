// The table and the JSON file of the ratio program.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "bench/ratios.h"

namespace gossamer::bench {

// "1024x768x128"
std::string to_string(const LayerSize& size);

// For each layout and number of threads: sizes and kernels against sparsities, geometric means, crossovers.
std::string ratio_table(std::span<const Ratio> ratios);

// Throws ConfigError when the file cannot be opened for writing; an existing file stays as it is.
void check_writable(const char* option, const std::filesystem::path& file);
// {"machine": {..}, "ratios": [..], "geomean": [..], "crossover": [..]}, see docs/benchmarks.md. Throws ConfigError
// when writing fails.
void write_json(std::span<const Ratio> ratios, const std::filesystem::path& file);

}  // namespace gossamer::bench
