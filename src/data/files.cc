#include "data/files.h"

#include <system_error>

#include "gossamer/error.h"
#include "runtime/check.h"

namespace gossamer::data {

std::filesystem::path find_file(std::string_view op, const std::filesystem::path& folder, const std::string& name,
                                std::string_view remedy) {
  for (const std::string& candidate : {name, name + ".gz"}) {
    // What is there and cannot be read is found: reading it says why.
    std::error_code ignored;
    const std::filesystem::file_status status = std::filesystem::status(folder / candidate, ignored);
    if (status.type() != std::filesystem::file_type::not_found) return folder / candidate;
  }
  fail<FileError>(op, "the folder must hold all files of the data set",
                  fmt::format("'{}' is missing, with and without .gz", (folder / name).string()), remedy);
}

}  // namespace gossamer::data
