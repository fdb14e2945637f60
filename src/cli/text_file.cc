#include "cli/text_file.h"

#include "io/atomic_file.h"

namespace gossamer::cli {

void write_text(const std::filesystem::path& path, std::string_view text, std::string_view op) {
  io::AtomicFile file(path, op);
  file.write(text);
  file.commit();
}

}  // namespace gossamer::cli
