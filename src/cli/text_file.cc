#include "cli/text_file.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>

#include "io/atomic_file.h"
#include "io/file_error.h"

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

std::string printable(std::string_view text) {
  std::string result(text);
  std::ranges::replace_if(
      result, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return result;
}

}  // namespace gossamer::cli
