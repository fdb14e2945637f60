// Texts as files: a JSON or an SVG.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <string_view>

namespace gossamer::cli {

// The path names the whole old file until the new one is on the disk; a device or a pipe is written to, and "-" is
// standard output. Throws FileError naming `op`, path and cause.
void write_text(const std::filesystem::path& path, std::string_view text, std::string_view op);
// What write_text() would throw for want of a folder or of rights, before long work. Leaves no file behind. Call it in
// any case: from "-" on, what is printed for people goes to standard error.
void check_writable_text(const std::filesystem::path& path, std::string_view op);

// What the command line calls a file, and where it is.
struct NamedPath {
  std::string_view name;
  std::filesystem::path path;  // empty where it was not given
};
// Refuses two paths of one file, of which the later would write over the earlier; devices may come twice. Throws
// ConfigError.
void check_distinct(std::initializer_list<NamedPath> paths);

}  // namespace gossamer::cli
