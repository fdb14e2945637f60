#include "cli/text_file.h"

#include <algorithm>

#include "io/atomic_file.h"

namespace gossamer::cli {

void write_text(const std::filesystem::path& path, std::string_view text, std::string_view op) {
  io::AtomicFile file(path, op);
  file.write(text);
  file.commit();
}

void check_writable_text(const std::filesystem::path& path, std::string_view op) {
  const io::AtomicFile file(path, op);  // which is removed, since nothing is committed
}

std::string printable(std::string_view text) {
  std::string result(text);
  std::ranges::replace_if(
      result, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return result;
}

}  // namespace gossamer::cli
