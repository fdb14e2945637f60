// Texts: a JSON or an SVG as a file, and names from foreign files.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace gossamer::cli {

// The path names the whole old file until the new one is on the disk; a device or a pipe is written to. Throws
// FileError naming `op`, path and cause.
void write_text(const std::filesystem::path& path, std::string_view text, std::string_view op);
// What write_text() would throw for want of a folder or of rights, before long work. Leaves no file behind.
void check_writable_text(const std::filesystem::path& path, std::string_view op);

// The text with ? for control characters, which a terminal would obey and XML forbids.
std::string printable(std::string_view text);

}  // namespace gossamer::cli
