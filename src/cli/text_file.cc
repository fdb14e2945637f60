#include "cli/text_file.h"

#include <fmt/format.h>

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

#include "io/atomic_file.h"
#include "io/file_error.h"
#include "runtime/check.h"

namespace gossamer::cli {

namespace {

constexpr const char* kStandardOutput = "-";
// What was standard output before a text took it; -1 where none did.
int g_standard_output = -1;

// Standard output, a terminal, a pipe or a device: written to as it is, since a rename would replace it. /dev/stdout is
// one also where the shell has made it a file, to which others may have written.
bool is_special(const std::filesystem::path& path) {
  std::error_code error;
  const std::string text = path.lexically_normal().string();
  return text == kStandardOutput || text.starts_with("/dev/") || text.starts_with("/proc/") ||
         std::filesystem::is_other(std::filesystem::status(path, error));
}

void write_special(const std::filesystem::path& path, std::string_view text, std::string_view op) {
  std::FILE* const out = path == kStandardOutput ? fdopen(dup(g_standard_output), "w") : std::fopen(path.c_str(), "a");
  if (out != nullptr) {
    const bool written = std::fwrite(text.data(), 1, text.size(), out) == text.size();
    if (std::fclose(out) == 0 && written) return;
  }
  io::fail_file(op, "the file must be writable", path, errno);
}

}  // namespace

void write_text(const std::filesystem::path& path, std::string_view text, std::string_view op) {
  if (is_special(path)) return write_special(path, text, op);
  io::AtomicFile file(path, op);
  file.write(text);
  file.commit();
}

void check_writable_text(const std::filesystem::path& path, std::string_view op) {
  if (path == kStandardOutput && g_standard_output < 0) {
    g_standard_output = dup(STDOUT_FILENO);
    if (g_standard_output < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
      io::fail_file(op, "standard output must be open", path, errno);
    }
  }
  if (is_special(path)) return;
  const io::AtomicFile file(path, op);  // which is removed, since nothing is committed
}

void check_distinct(std::initializer_list<NamedPath> paths) {
  const auto same = [](const std::filesystem::path& a, const std::filesystem::path& b) {
    if (a == kStandardOutput && b == kStandardOutput) return true;
    if (a.empty() || b.empty() || is_special(a)) return false;
    std::error_code error;  // of a file that does not exist yet
    const auto whole = [&](const std::filesystem::path& path) {
      return std::filesystem::weakly_canonical(std::filesystem::absolute(path, error), error);
    };
    return std::filesystem::equivalent(a, b, error) || whole(a) == whole(b);
  };
  for (const NamedPath& later : paths) {
    for (const NamedPath& earlier : paths) {
      if (&earlier == &later) break;
      if (!same(earlier.path, later.path)) continue;
      fail<ConfigError>(later.name, "it must be a file of its own",
                        fmt::format("'{}' is {} already", later.path.string(), earlier.name));
    }
  }
}

}  // namespace gossamer::cli
