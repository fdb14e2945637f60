// Sparsity patterns from files: Matrix Market coordinate files, and those of the Deep Learning Matrix Collection.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "gossamer/csr_pattern.h"

namespace gossamer::bench {

// By the ending of the name:
//   .mtx   `%%MatrixMarket matrix coordinate`, pattern, real or integer, general or symmetric; values are not looked at
//   .smtx  three lines: `rows, cols, nnz`, row offsets, columns
// The columns of a row may come in any order. Throws ConfigError when the file cannot be read or has another ending,
// and FormatError, with the line, when its content is not what the format says.
std::shared_ptr<const CsrPattern> read_pattern(const std::filesystem::path& file);

// The same on the text of a file; `name` is for messages.
std::shared_ptr<const CsrPattern> parse_matrix_market(std::string_view text, std::string_view name);
std::shared_ptr<const CsrPattern> parse_smtx(std::string_view text, std::string_view name);

}  // namespace gossamer::bench
