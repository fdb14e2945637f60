// Patterns with a given number of nonzeros and a given kind of structure, the same for the same arguments.
#pragma once

#include <cstdint>
#include <memory>

#include "gossamer/csr_pattern.h"

namespace gossamer::bench {

// round((1 - sparsity) rows cols), which is what all patterns here hold.
int64_t nonzeros(int64_t rows, int64_t cols, double sparsity);

// All positions are equally likely.
std::shared_ptr<const CsrPattern> uniform_pattern(int64_t rows, int64_t cols, double sparsity);

// Rows hold numbers of nonzeros in proportion to rank^-exponent, at most cols; the ranks are shuffled, and columns are
// uniform within a row.
std::shared_ptr<const CsrPattern> zipf_rows(int64_t rows, int64_t cols, double sparsity, double exponent);

// The same with rows and columns exchanged: some inputs have most of the connections, as after RigL.
std::shared_ptr<const CsrPattern> zipf_cols(int64_t rows, int64_t cols, double sparsity, double exponent);

// Uniform, in `share` of the rows and of the columns; all others are empty. Throws ConfigError when there is no room.
std::shared_ptr<const CsrPattern> with_empty_lines(int64_t rows, int64_t cols, double sparsity, double share);

}  // namespace gossamer::bench
