// Where the nonzeros of a weight are, in numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "cli/tensor_file.h"
#include "gossamer/csr_pattern.h"

namespace gossamer::cli {

struct PatternCounts {
  MatrixSize size = {};
  int64_t nnz = 0;
  int64_t dead_rows = 0;  // without a nonzero
  int64_t dead_cols = 0;
  // The share of nonzeros in each cell of a grid laid over the matrix, row-major; a side has kCells cells, or as many
  // as rows or columns where those are fewer.
  int64_t cell_rows = 0;
  int64_t cell_cols = 0;
  std::vector<double> density = {};

  static constexpr int64_t kCells = 128;
};

// Of the mask where there is one, else of the values: NaN counts, -0 does not. Nothing of the weight's size is made
// beside it. Throws FormatError for a weight in CSR form that is none, DTypeError for types that cannot be read.
PatternCounts count_pattern(const TensorFile& file, const Weight& weight);

}  // namespace gossamer::cli
