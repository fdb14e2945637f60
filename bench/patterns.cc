#include "bench/patterns.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "gossamer/random.h"
#include "runtime/check.h"

namespace gossamer::bench {

namespace {

constexpr uint64_t kSeed = 1;

// `total` spread over lines in proportion to rank^-exponent, at most `most` each; what does not fit goes on to the
// next ranks. Lines are shuffled.
std::vector<int64_t> zipf_counts(int64_t lines, int64_t most, int64_t total, double exponent) {
  std::vector<double> weights(static_cast<size_t>(lines));
  double sum = 0;
  for (size_t rank = 0; rank < weights.size(); ++rank)
    sum += weights[rank] = std::pow(1.0 + static_cast<double>(rank), -exponent);
  std::vector<int64_t> counts(weights.size());
  for (size_t rank = 0; rank < weights.size(); ++rank) {
    const int64_t share = sum > 0 ? std::llround(static_cast<double>(total) * weights[rank] / sum) : total;
    // The ranks that follow must be able to take the rest.
    const int64_t room = static_cast<int64_t>(weights.size() - rank - 1) * most;
    counts[rank] =
        std::clamp(std::clamp<int64_t>(share, 0, most), std::max<int64_t>(0, total - room), std::min(most, total));
    total -= counts[rank];
    sum -= weights[rank];
  }
  for (size_t i = counts.size(); i > 1; --i) std::swap(counts[i - 1], counts[random_bits(kSeed, i) % i]);
  return counts;
}

// For each line the crossing lines that it is connected with.
std::vector<std::vector<int64_t>> zipf_lines(int64_t lines, int64_t crossing, int64_t total, double exponent) {
  std::vector<std::vector<int64_t>> result;
  for (const int64_t count : zipf_counts(lines, crossing, total, exponent)) {
    result.push_back(
        sample_without_replacement(derive_key(kSeed, "line", static_cast<int64_t>(result.size())), crossing, count));
  }
  return result;
}

}  // namespace

int64_t nonzeros(int64_t rows, int64_t cols, double sparsity) {
  return std::llround((1 - sparsity) * static_cast<double>(rows * cols));
}

std::shared_ptr<const CsrPattern> uniform_pattern(int64_t rows, int64_t cols, double sparsity) {
  return CsrPattern::from_positions(rows, cols,
                                    sample_without_replacement(kSeed, rows * cols, nonzeros(rows, cols, sparsity)));
}

std::shared_ptr<const CsrPattern> zipf_rows(int64_t rows, int64_t cols, double sparsity, double exponent) {
  std::vector<int64_t> positions;
  const auto lines = zipf_lines(rows, cols, nonzeros(rows, cols, sparsity), exponent);
  for (size_t row = 0; row < lines.size(); ++row) {
    for (const int64_t col : lines[row]) positions.push_back(static_cast<int64_t>(row) * cols + col);
  }
  return CsrPattern::from_positions(rows, cols, positions);
}

std::shared_ptr<const CsrPattern> zipf_cols(int64_t rows, int64_t cols, double sparsity, double exponent) {
  std::vector<int64_t> positions;
  const auto lines = zipf_lines(cols, rows, nonzeros(rows, cols, sparsity), exponent);
  for (size_t col = 0; col < lines.size(); ++col) {
    for (const int64_t row : lines[col]) positions.push_back(row * cols + static_cast<int64_t>(col));
  }
  std::ranges::sort(positions);
  return CsrPattern::from_positions(rows, cols, positions);
}

std::shared_ptr<const CsrPattern> with_empty_lines(int64_t rows, int64_t cols, double sparsity, double share) {
  const auto used_rows = std::llround(share * static_cast<double>(rows));
  const auto used_cols = std::llround(share * static_cast<double>(cols));
  const int64_t nnz = nonzeros(rows, cols, sparsity);
  if (nnz > used_rows * used_cols) {
    fail<ConfigError>("with_empty_lines", fmt::format("{} nonzeros must fit into {}x{}", nnz, used_rows, used_cols),
                      fmt::format("share {:g} of {}x{}", share, rows, cols));
  }
  const std::vector<int64_t> row = sample_without_replacement(derive_key(kSeed, "rows", 0), rows, used_rows);
  const std::vector<int64_t> col = sample_without_replacement(derive_key(kSeed, "cols", 0), cols, used_cols);
  std::vector<int64_t> positions = sample_without_replacement(kSeed, used_rows * used_cols, nnz);
  for (int64_t& p : positions)
    p = row[static_cast<size_t>(p / used_cols)] * cols + col[static_cast<size_t>(p % used_cols)];
  return CsrPattern::from_positions(rows, cols, positions);
}

}  // namespace gossamer::bench
