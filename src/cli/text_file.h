// A text, a JSON or an SVG, as a file.
#pragma once

#include <filesystem>
#include <string_view>

namespace gossamer::cli {

// The path names the whole old file until the new one is on the disk. Throws FileError naming `op`, path and cause.
void write_text(const std::filesystem::path& path, std::string_view text, std::string_view op);

}  // namespace gossamer::cli
