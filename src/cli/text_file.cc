#include "cli/text_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <system_error>

#include "io/atomic_file.h"
#include "io/file_error.h"
#include "runtime/check.h"

namespace gossamer::cli {

namespace {

// A terminal, a pipe or a device, such as /dev/stdout: written to as it is, since a rename would replace it.
bool is_special(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  return std::filesystem::is_other(status);
}

}  // namespace

void write_text(const std::filesystem::path& path, std::string_view text, std::string_view op) {
  if (is_special(path)) {
    errno = 0;
    std::ofstream out(path);
    out << text << std::flush;
    if (!out) io::fail_file(op, "the file must be writable", path, errno == 0 ? EIO : errno);
    return;
  }
  io::AtomicFile file(path, op);
  file.write(text);
  file.commit();
}

void check_writable_text(const std::filesystem::path& path, std::string_view op) {
  if (is_special(path)) return;
  const io::AtomicFile file(path, op);  // which is removed, since nothing is committed
}

void check_distinct(std::initializer_list<NamedPath> paths) {
  const auto same = [](const std::filesystem::path& a, const std::filesystem::path& b) {
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
