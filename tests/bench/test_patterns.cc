#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "bench/patterns.h"
#include "gossamer/error.h"
#include "tests/support/errors.h"

namespace gossamer::bench::test_patterns {
namespace {

constexpr int64_t kRows = 60, kCols = 40;

// Nonzeros of the rows (or columns), largest first.
std::vector<int64_t> sorted_counts(const CsrPattern& pattern, bool of_rows) {
  std::vector<int64_t> counts(static_cast<size_t>(of_rows ? pattern.rows() : pattern.cols()));
  pattern.for_each([&](const SlotPosition& p) { ++counts[static_cast<size_t>(of_rows ? p.row : p.col)]; });
  std::ranges::sort(counts, std::greater<>());
  return counts;
}

TEST(Patterns, HoldTheNumberOfNonzerosThatTheSparsitySays) {
  for (const double sparsity : {0.05, 0.5, 0.77, 0.9, 0.999}) {
    const int64_t expected = nonzeros(kRows, kCols, sparsity);
    EXPECT_EQ(uniform_pattern(kRows, kCols, sparsity)->nnz(), expected) << sparsity;
    EXPECT_EQ(zipf_rows(kRows, kCols, sparsity, 1)->nnz(), expected) << sparsity;
    EXPECT_EQ(zipf_cols(kRows, kCols, sparsity, 1)->nnz(), expected) << sparsity;
  }
  EXPECT_EQ(with_empty_lines(kRows, kCols, 0.77, 0.8)->nnz(), nonzeros(kRows, kCols, 0.77));
  EXPECT_EQ(nonzeros(10, 10, 0.9), 10);
}

TEST(Patterns, OfZipfFollowAPowerLawOverRowsOrColumns) {
  const std::vector<int64_t> rows = sorted_counts(*zipf_rows(kRows, 1000, 0.95, 1), true);
  EXPECT_NEAR(static_cast<double>(rows[0]) / static_cast<double>(rows[1]), 2, 0.05);
  EXPECT_NEAR(static_cast<double>(rows[0]) / static_cast<double>(rows[9]), 10, 0.5);
  const std::vector<int64_t> cols = sorted_counts(*zipf_cols(1000, kCols, 0.95, 1), false);
  EXPECT_NEAR(static_cast<double>(cols[0]) / static_cast<double>(cols[1]), 2, 0.05);
}

TEST(Patterns, OfZipfFillRowsAtMost) {
  const std::vector<int64_t> rows = sorted_counts(*zipf_rows(kRows, kCols, 0.2, 2), true);
  EXPECT_EQ(rows[0], kCols);
  EXPECT_EQ(rows[20], kCols);
}

TEST(Patterns, WithEmptyLinesUseAShareOfRowsAndColumns) {
  const auto pattern = with_empty_lines(kRows, kCols, 0.8, 0.5);
  EXPECT_EQ(std::ranges::count(sorted_counts(*pattern, true), 0), kRows / 2);
  EXPECT_EQ(std::ranges::count(sorted_counts(*pattern, false), 0), kCols / 2);
  const std::string said = message_of<ConfigError>([] { with_empty_lines(kRows, kCols, 0.7, 0.5); });
  EXPECT_NE(said.find("720 nonzeros must fit into 30x20"), std::string::npos) << said;
}

}  // namespace
}  // namespace gossamer::bench::test_patterns
