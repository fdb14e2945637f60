// Patterns with a given number of nonzeros and a given kind of structure, the same for the same arguments.
#pragma once

#include <cstdint>
#include <memory>

#include "gossamer/csr_pattern.h"

namespace gossamer::bench {

// round((1 - sparsity) rows cols) positions, all equally likely.
std::shared_ptr<const CsrPattern> uniform_pattern(int64_t rows, int64_t cols, double sparsity);

}  // namespace gossamer::bench
