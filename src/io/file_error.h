// How errors of the system are reported.
#pragma once

#include <filesystem>
#include <string_view>

namespace gossamer::io {

// Throws FileError: "op: must; 'path': what the system says to `error`, a value of errno; what to do about it".
[[noreturn]] void fail_file(std::string_view op, std::string_view must, const std::filesystem::path& path, int error);

}  // namespace gossamer::io
