// Files that a program writes at its end.
#pragma once

#include <filesystem>
#include <string_view>

namespace gossamer::bench {

// Both throw ConfigError, naming the option, when the file cannot be written. The first leaves an existing file as it
// is: a program calls it before it works for minutes.
void check_writable(std::string_view option, const std::filesystem::path& file);
void write_file(std::string_view option, const std::filesystem::path& file, std::string_view text);

}  // namespace gossamer::bench
