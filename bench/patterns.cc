#include "bench/patterns.h"

#include <cmath>

#include "gossamer/random.h"

namespace gossamer::bench {

std::shared_ptr<const CsrPattern> uniform_pattern(int64_t rows, int64_t cols, double sparsity) {
  const auto nnz = std::llround((1 - sparsity) * static_cast<double>(rows * cols));
  return CsrPattern::from_positions(rows, cols, sample_without_replacement(1, rows * cols, nnz));
}

}  // namespace gossamer::bench
