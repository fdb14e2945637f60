// Matrix Market coordinate files: sparse matrices as text (https://math.nist.gov/MatrixMarket/formats.html).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "gossamer/csr_pattern.h"
#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer::io {

struct MatrixMarketOptions {
  int64_t max_bytes = int64_t{1} << 30;  // of the text; a longer file is refused
};

struct MatrixMarket {
  std::shared_ptr<const CsrPattern> pattern;
  Tensor values;  // [nnz] in row-major order: f64 of a real file, i64 of an integer one, undefined of a pattern
};

// Reads a coordinate file, plain or compressed by gzip: real, integer or pattern; general, symmetric or skew-symmetric,
// whose other half is filled in. Entries may come in any order, each position once; one that is given as 0 is a
// nonzero of the pattern. Comments and empty lines are passed over. `Parameter::csr(shape, pattern,
// pattern->from_canonical(values.to(DType::f32)))` makes a weight of it. Throws FormatError, naming file and line, for
// anything else: another format, field or symmetry, an index outside the sizes, a position twice, too few or too many
// entries, a number that does not fit, and more than 2^18 rows beyond one for each byte of the file.
MatrixMarket load_matrix_market(const std::filesystem::path& path, const MatrixMarketOptions& options = {});

// The same for a text in memory. `name` stands for the file in error messages.
MatrixMarket parse_matrix_market(std::string_view text, std::string_view name = "(memory)");

// Writes a general file in row-major order, atomically: pattern without values; real for values of f32 or f64, each
// with the fewest digits that read back as the same number; integer for those of i32 or i64. `values` holds nnz
// elements in row-major order. Throws ShapeError and DTypeError for other values, FileError when the file cannot be
// written.
void save_matrix_market(const std::filesystem::path& path, const CsrPattern& pattern, const Tensor& values = {});

}  // namespace gossamer::io
#pragma GCC visibility pop
