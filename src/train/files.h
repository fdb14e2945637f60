// Files of runs: a state dict with metadata that says what it is.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "gossamer/state_dict.h"

namespace gossamer::train {

using Metadata = std::map<std::string, std::string>;

// Of the library's own metadata; "gossamer.format" is the version of the layout of entries, kFormat.
inline constexpr const char* kOwnPrefix = "gossamer.";
inline constexpr const char* kFormatKey = "gossamer.format";
inline constexpr int kFormat = 1;

// Throws ConfigError naming `op` for metadata of the application under a name that is the library's.
void check_metadata(const char* op, const Metadata& metadata);
// Replaces the file when the new one is durable.
void write_run(const std::filesystem::path& path, const StateDict& dict, Metadata metadata);
// Throws FormatError naming the file unless this library can read a run with such metadata.
void check_format(const std::filesystem::path& path, const Metadata& metadata);

}  // namespace gossamer::train
