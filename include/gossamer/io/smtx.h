// .smtx: sparsity patterns as text, the format of the Deep Learning Matrix Collection
// (https://github.com/google-research/google-research/tree/master/sgk).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "gossamer/csr_pattern.h"

#pragma GCC visibility push(default)
namespace gossamer::io {

struct SmtxOptions {
  int64_t max_bytes = int64_t{1} << 30;  // of the text; a longer file is refused
};

// Reads three lines, `rows, cols, nnz`, row offsets and columns, from a file that is plain or compressed by gzip.
// Indices count from 0; the columns of a row may come in any order, each once. Throws FormatError, naming file and
// line, for anything else.
std::shared_ptr<const CsrPattern> load_smtx(const std::filesystem::path& path, const SmtxOptions& options = {});

// The same for a text in memory. `name` stands for the file in error messages.
std::shared_ptr<const CsrPattern> parse_smtx(std::string_view text, std::string_view name = "(memory)");

// Writes a pattern, atomically. Throws FileError when the file cannot be written.
void save_smtx(const std::filesystem::path& path, const CsrPattern& pattern);

}  // namespace gossamer::io
#pragma GCC visibility pop
