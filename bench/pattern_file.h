// Reading the pattern of a user's own weight.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "gossamer/csr_pattern.h"

namespace gossamer::bench {

// Of a .mtx, a .smtx, or the weight `tensor` of a .safetensors or of the .index.json of several. Throws ConfigError,
// naming the options --pattern and --tensor, FileError, FormatError.
std::shared_ptr<const CsrPattern> read_pattern(const std::filesystem::path& file, const std::string& tensor);

}  // namespace gossamer::bench
