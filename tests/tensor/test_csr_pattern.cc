// CsrPattern: checks, conversions in both directions, equality, order, and the transposed stream.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/error.h"
#include "tensor/csr/entries.h"
#include "tensor/csr/stream.h"
#include "tensor/csr/walk.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/tensors.h"

namespace gossamer::test_csr_pattern {
namespace {

using PatternPtr = std::shared_ptr<const CsrPattern>;
using Columns = std::vector<int32_t>;
using Rows = std::vector<int64_t>;

TEST(CsrPattern, RefusesArraysThatAreNoMatrixAndNamesTheFault) {
  const auto create = [](int64_t rows, int64_t cols, const Rows& row_ptr, const Columns& col_idx) {
    return CsrPattern::create(rows, cols, row_ptr, col_idx);
  };
  EXPECT_EQ(create(2, 3, {0, 1, 2}, {2, 0})->nnz(), 2);
  const auto has = [](const std::string& message, const std::string& part) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  has(message_of<ShapeError>([&] { create(-1, 3, {0}, {}); }), "-1 x 3");
  has(message_of<ShapeError>([&] { create(1, int64_t{1} << 31, {0, 0}, {}); }), "2147483648");
  message_of<ShapeError>([&] { create(int64_t{1} << 40, int64_t{1} << 30, {0}, {}); });
  has(message_of<ShapeError>([&] { create(INT64_MAX, 0, {0}, {}); }), "2^59");
  has(message_of<ShapeError>([&] { CsrPattern::from_positions(INT64_MAX, 0, {}); }), "2^59");
  has(message_of<ShapeError>([&] { CsrPattern::from_mask(Tensor::zeros({INT64_MAX, 0}, DType::boolean)); }), "2^59");
  has(message_of<ShapeError>([&] { create(2, 3, {0, 2}, {2, 0}); }), "rows + 1 = 3");
  has(message_of<ConfigError>([&] { create(2, 3, {1, 1, 2}, {2, 0}); }), "starts at 1");
  has(message_of<ConfigError>([&] { create(2, 3, {0, 1, 1}, {2, 0}); }), "ends at 1");
  message_of<ConfigError>([&] { create(3, 3, {0, 2, 1, 2}, {0, 1}); });
  has(message_of<ConfigError>([&] { create(2, 3, {0, 1, 2}, {2, 3}); }), "row 1 has 3");
  has(message_of<ConfigError>([&] { create(2, 3, {0, 1, 2}, {2, -1}); }), "row 1 has -1");
  has(message_of<ConfigError>([&] { create(1, 3, {0, 2}, {1, 1}); }), "row 0 has 1 after 1");
  has(message_of<ConfigError>([&] { create(1, 3, {0, 2}, {2, 1}); }), "row 0 has 1 after 2");
}

TEST(CsrEntries, HaveNarrowIndicesWhileTheseCountTheNonzeros) {
  EXPECT_EQ(csr_index_dtype(0), DType::i32);
  EXPECT_EQ(csr_index_dtype((int64_t{1} << 31) - 1), DType::i32);
  EXPECT_EQ(csr_index_dtype(int64_t{1} << 31), DType::i64);
}

TEST(CsrPattern, RefusesPositionsOutsideOrOutOfOrder) {
  const auto from = [](const Rows& positions) { return CsrPattern::from_positions(2, 3, positions); };
  EXPECT_EQ(from({0, 5})->nnz(), 2);
  EXPECT_NE(message_of<ConfigError>([&] { from({4, 2}); }).find("2 after 4"), std::string::npos);
  message_of<ConfigError>([&] { from({2, 2}); });
  message_of<ConfigError>([&] { from({6}); });
  message_of<ConfigError>([&] { from({-1}); });
}

TEST(CsrPattern, RefusesValuesOfAnotherLength) {
  const auto pattern = CsrPattern::from_positions(2, 3, Rows{0, 5});
  EXPECT_NE(message_of<ShapeError>([&] { pattern->dense(Tensor::zeros({3})); }).find("CsrPattern::dense"),
            std::string::npos);
  message_of<ShapeError>([&] { pattern->gather(Tensor::zeros({2, 2})); });
  message_of<ShapeError>([&] { pattern->to_canonical(Tensor()); });
  message_of<ShapeError>([&] { pattern->from_canonical(Tensor::zeros({1})); });
  message_of<DTypeError>([] { CsrPattern::from_mask(Tensor::zeros({2, 3})); });
  message_of<StateError>([] { CsrPattern::from_mask(Tensor()); });
  Tensor bytes = Tensor::zeros({2, 3}, DType::boolean);
  std::memset(bytes.mutable_data<bool>() + 4, 255, 1);
  EXPECT_EQ(message_of<FormatError>([&] { CsrPattern::from_mask(bytes); }),
            "CsrPattern::from_mask: every byte of a bool tensor must be 0 or 1; element 4 is 255");
}

TEST(CsrPattern, SeesAnyRankAsAMatrix) {
  const auto size = [](const Shape& shape) {
    const MatrixSize matrix = as_matrix(shape);
    return std::pair(matrix.rows, matrix.cols);
  };
  EXPECT_EQ(size({4, 3, 2}), std::pair(int64_t{4}, int64_t{6}));
  EXPECT_EQ(size({4, 3}), std::pair(int64_t{4}, int64_t{3}));
  EXPECT_EQ(size({5}), std::pair(int64_t{1}, int64_t{5}));
  EXPECT_EQ(size({}), std::pair(int64_t{1}, int64_t{1}));
  EXPECT_EQ(size({0, 3, 2}), std::pair(int64_t{0}, int64_t{6}));
  EXPECT_EQ(size({3, 0}), std::pair(int64_t{3}, int64_t{0}));
  const auto pattern = CsrPattern::from_mask(random_mask({4, 3, 2}, 1, 0.5));
  EXPECT_EQ(pattern->rows(), 4);
  EXPECT_EQ(pattern->cols(), 6);
}

TEST(CsrPattern, OfEverythingStoresNoIndices) {
  const auto full = CsrPattern::full(3, 4);
  EXPECT_TRUE(full->is_full());
  EXPECT_EQ(full->nnz(), 12);
  EXPECT_EQ(full->bytes(), 0);
  EXPECT_EQ(full->sparsity(), 0);
  EXPECT_TRUE(CsrPattern::from_mask(Tensor::ones({3, 4}, DType::boolean))->is_full());
  const Tensor matrix = uniform({3, 4}, 1);
  EXPECT_EQ(to_vector<double>(full->gather(matrix)), to_vector<double>(matrix));
}

TEST(CsrPattern, EqualityIsOfSizesAndPositions) {
  const auto pattern = CsrPattern::from_positions(3, 4, Rows{1, 6, 11});
  EXPECT_TRUE(*pattern == *CsrPattern::create(3, 4, Rows{0, 1, 2, 3}, Columns{1, 2, 3}));
  EXPECT_FALSE(*pattern == *CsrPattern::from_positions(3, 4, Rows{1, 6, 10}));
  EXPECT_FALSE(*pattern == *CsrPattern::from_positions(3, 4, Rows{1, 6}));
  EXPECT_FALSE(*pattern == *CsrPattern::from_positions(4, 3, Rows{1, 6, 11}));
  EXPECT_FALSE(*pattern == *CsrPattern::from_positions(3, 5, Rows{1, 6, 11}));
  // The same columns in other rows.
  EXPECT_FALSE(*CsrPattern::from_positions(2, 4, Rows{1}) == *CsrPattern::from_positions(2, 4, Rows{5}));
  EXPECT_TRUE(*CsrPattern::full(2, 2) == *CsrPattern::from_positions(2, 2, Rows{0, 1, 2, 3}));
  EXPECT_FALSE(*CsrPattern::full(2, 2) == *CsrPattern::full(1, 4));
  EXPECT_FALSE(*CsrPattern::full(2, 2) == *CsrPattern::from_positions(2, 2, Rows{0, 1, 2}));
}

// Rows, columns, density of a random mask.
using PatternCase = std::tuple<int64_t, int64_t, double>;

class PatternRoundTrip : public testing::TestWithParam<PatternCase> {
 protected:
  PatternRoundTrip() {
    const auto [rows, cols, density] = GetParam();
    mask_ = random_mask({rows, cols}, static_cast<uint64_t>(rows * 131 + cols), density);
    pattern_ = CsrPattern::from_mask(mask_);
    for (int64_t p = 0; p < mask_.numel(); ++p) {
      if (mask_.data<bool>()[p]) positions_.push_back(p);
    }
  }

  Tensor mask_;
  PatternPtr pattern_;
  Rows positions_;  // of the nonzeros, row-major
};

TEST_P(PatternRoundTrip, KeepsTheMask) {
  EXPECT_EQ(pattern_->nnz(), static_cast<int64_t>(positions_.size()));
  golden::expect_equal(pattern_->mask(), mask_);
  const double n = static_cast<double>(mask_.numel());
  EXPECT_DOUBLE_EQ(pattern_->sparsity(), n == 0 ? 0 : 1 - static_cast<double>(positions_.size()) / n);
}

TEST_P(PatternRoundTrip, IsTheSameFromEverySource) {
  const Csr csr = pattern_->csr();
  EXPECT_TRUE(*CsrPattern::create(pattern_->rows(), pattern_->cols(), csr.row_ptr, csr.col_idx) == *pattern_);
  EXPECT_TRUE(*CsrPattern::from_positions(pattern_->rows(), pattern_->cols(), positions_) == *pattern_);
}

TEST_P(PatternRoundTrip, GivesCanonicalArrays) {
  const Csr csr = pattern_->csr();
  ASSERT_EQ(static_cast<int64_t>(csr.row_ptr.size()), pattern_->rows() + 1);
  EXPECT_EQ(csr.row_ptr.front(), 0);
  EXPECT_EQ(csr.row_ptr.back(), pattern_->nnz());
  Rows positions;
  for (int64_t row = 0; row < pattern_->rows(); ++row) {
    for (int64_t i = csr.row_ptr[static_cast<size_t>(row)]; i < csr.row_ptr[static_cast<size_t>(row + 1)]; ++i) {
      positions.push_back(row * pattern_->cols() + csr.col_idx[static_cast<size_t>(i)]);
    }
  }
  EXPECT_EQ(positions, positions_);
}

TEST_P(PatternRoundTrip, WalksRowMajorWithEverySlotOnce) {
  Rows positions;
  std::vector<int> visits(static_cast<size_t>(pattern_->nnz()));
  pattern_->for_each([&](const SlotPosition& p) {
    positions.push_back(p.row * pattern_->cols() + p.col);
    ++visits.at(static_cast<size_t>(p.slot));
  });
  EXPECT_EQ(positions, positions_);
  EXPECT_EQ(visits, std::vector<int>(visits.size(), 1));
  // One by one as well as block by block.
  Rows pulled;
  CsrWalk walk(*pattern_);
  for (SlotPosition p; walk.next(p);) pulled.push_back(p.row * pattern_->cols() + p.col);
  EXPECT_EQ(pulled, positions_);
}

TEST_P(PatternRoundTrip, GathersAndScattersValues) {
  const Tensor matrix = uniform({pattern_->rows(), pattern_->cols()}, 4, DType::f32);
  Tensor masked = Tensor::zeros(matrix.shape());
  for (const int64_t p : positions_) masked.mutable_data<float>()[p] = matrix.data<float>()[p];
  const Tensor values = pattern_->gather(matrix);
  EXPECT_EQ(values.shape(), Shape({pattern_->nnz()}));
  golden::expect_equal(pattern_->dense(values), masked);

  const Tensor canonical = pattern_->to_canonical(values);
  for (size_t i = 0; i < positions_.size(); ++i) {
    ASSERT_EQ(canonical.data<float>()[i], matrix.data<float>()[positions_[i]]) << i;
  }
  golden::expect_equal(pattern_->from_canonical(canonical), values);
  EXPECT_FALSE(values.shares_storage_with(matrix));
}

TEST_P(PatternRoundTrip, TransposedStreamIsTheTranspose) {
  const Tensor matrix = uniform({pattern_->rows(), pattern_->cols()}, 4, DType::f32);
  const Tensor values = pattern_->gather(matrix);
  const auto transposed = CsrPatternAccess::transposed(*pattern_);
  ASSERT_EQ(transposed->nnz(), pattern_->nnz());
  std::vector<float> values_t(static_cast<size_t>(pattern_->nnz()));
  transposed->gather_values(values.data<float>(), values_t.data());

  const kernels::CsrStream s = transposed->view();
  ASSERT_EQ(s.rows, pattern_->cols());
  ASSERT_EQ(s.cols, pattern_->rows());
  Tensor seen = Tensor::zeros(matrix.shape());
  float* const to = seen.mutable_data<float>();
  for (int64_t block = 0; block < s.blocks(); ++block) {
    for (int64_t panel = 0; panel < s.panels(); ++panel) {
      const int64_t cell = block * s.panels() + panel;
      int64_t slot = s.slot_begin[cell];
      for (int64_t i = s.segment_begin[cell]; i < s.segment_begin[cell + 1]; ++i) {
        for (int64_t k = 0; k < s.segments[i].count; ++k, ++slot) {
          const int64_t row_t = block * s.block_rows + s.segments[i].row;
          const int64_t col_t = panel * s.panel_cols + s.col[slot];
          ASSERT_TRUE(row_t < s.rows && col_t < s.cols);
          to[col_t * pattern_->cols() + row_t] = values_t[static_cast<size_t>(slot)];
        }
      }
      ASSERT_EQ(slot, s.slot_begin[cell + 1]);
    }
  }
  golden::expect_equal(seen, pattern_->dense(values));
}

INSTANTIATE_TEST_SUITE_P(SmallShapes, PatternRoundTrip,
                         testing::Combine(testing::Values(1, 2, 5, 17), testing::Values(1, 3, 16, 33),
                                          testing::Values(0.0, 0.1, 0.5, 1.0)));
INSTANTIATE_TEST_SUITE_P(Edges, PatternRoundTrip,
                         testing::Values(PatternCase{0, 5, 0.5}, PatternCase{5, 0, 0.5}, PatternCase{0, 0, 0.5},
                                         PatternCase{1, 4097, 0.3}, PatternCase{4097, 1, 0.3},
                                         PatternCase{300, 2, 0.01}));
INSTANTIATE_TEST_SUITE_P(SeveralBlocksAndPanels, PatternRoundTrip,
                         testing::Values(PatternCase{1500, 700, 0.05}, PatternCase{200, 5000, 0.02},
                                         PatternCase{700, 300, 0.4}, PatternCase{900, 1100, 0.001}));

TEST(CsrPattern, HasNoTransposedStreamWhereItsRowsAreNoColumnNumbers) {
  const auto pattern = CsrPattern::full(int64_t{1} << 31, 1);
  const std::string message = message_of<ShapeError>([&] { CsrPatternAccess::transposed(*pattern); });
  EXPECT_NE(message.find("2147483648 x 1"), std::string::npos) << message;
}

TEST(CsrPattern, BuildsItsTransposedStreamOnceForAllThreads) {
  const auto pattern = CsrPattern::from_mask(random_mask({300, 200}, 1, 0.1));
  std::vector<std::shared_ptr<const StreamPlan>> plans(4);
  std::vector<std::thread> threads;
  for (auto& plan : plans) threads.emplace_back([&] { plan = CsrPatternAccess::transposed(*pattern); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& plan : plans) EXPECT_EQ(plan, plans.front());
}

TEST(CsrPattern, CountsTheBytesOfItsIndices) {
  const auto pattern = CsrPattern::from_mask(random_mask({300, 200}, 1, 0.1));
  const int64_t before = pattern->bytes();
  // Two bytes per column index, and segments on top.
  EXPECT_GE(before, 2 * pattern->nnz());
  CsrPatternAccess::transposed(*pattern);
  EXPECT_GE(pattern->bytes(), before + 2 * pattern->nnz() + 4 * pattern->nnz());
}

}  // namespace
}  // namespace gossamer::test_csr_pattern
