// The products with one sample, on every target, against sums over the nonzeros in float64.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/csr.h"
#include "kernels/reference/csr.h"
#include "tests/kernels/guarded_array.h"
#include "tests/kernels/simd_target_test.h"
#include "tests/kernels/stream_builder.h"

namespace gossamer::kernels::csr_vector_test {
namespace {

using testing::fill_uniform;
using testing::GuardedArray;
using testing::random_stream;
using testing::StreamBuilder;

constexpr float kEpsilon = std::numeric_limits<float>::epsilon();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// A stream whose columns end at a guard page.
struct Problem {
  explicit Problem(const StreamBuilder& builder_)
      : builder(builder_), w(builder.stream()), col(builder.nnz()), values(builder.nnz()), x(w.cols) {
    std::copy_n(w.col, builder.nnz(), col.data());
    w.col = col.data();
    fill_uniform(values.span(), 1);
    fill_uniform(x.span(), 2);
  }

  std::vector<float> forward(const float* bias) {
    std::vector<float> result;
    for (int64_t block = 0; block < w.blocks(); ++block) {
      const int64_t row = block * w.block_rows;
      const int64_t rows = std::min(w.block_rows, w.rows - row);
      GuardedArray<float> sums(rows * kVectorSums, 64);
      GuardedArray<float> y(rows);
      for (float& s : sums.span()) s = kNaN;  // must be overwritten
      for (float& out : y.span()) out = kNaN;
      csr_forward_vector(w, values.data(), block, x.data(), bias == nullptr ? nullptr : bias + row, sums.data(),
                         y.data());
      result.insert(result.end(), y.data(), y.data() + rows);
    }
    return result;
  }

  StreamBuilder builder;
  CsrStream w;
  GuardedArray<uint16_t> col;
  GuardedArray<float> values, x;
};

// Panels on both sides of the widths at which a vector, or the tables of x in registers, are full; at density 1 the
// last panels have every count.
template <class Body>  // body(Problem&)
void for_every_problem(const Body& body) {
  for (const int64_t panel_cols : {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 33, 127, 128, 129, 255, 256, 257, 600}) {
    for (const int64_t cols : {panel_cols, int64_t{300}}) {
      for (const double density : {0.0, 0.01, 0.1, 0.5, 1.0}) {
        SCOPED_TRACE(::testing::Message() << cols << " columns in panels of " << panel_cols << ", density " << density);
        Problem problem(random_stream(9, cols, 4, std::min(panel_cols, cols), density, 11));
        body(problem);
        if (::testing::Test::HasFatalFailure()) return;
      }
    }
  }
}

class CsrVectorTest : public testing::SimdTargetTest {};
GOSSAMER_ON_EVERY_SIMD_TARGET(CsrVectorTest);

TEST_P(CsrVectorTest, ForwardSumsTheNonzerosOfEachRowAndAddsTheBias) {
  for_every_problem([](Problem& p) {
    GuardedArray<float> bias(p.w.rows);
    fill_uniform(bias.span(), 3);
    for (const float* b : {static_cast<const float*>(nullptr), static_cast<const float*>(bias.data())}) {
      const auto rows = static_cast<size_t>(p.w.rows);
      std::vector<double> expected(rows), magnitude(rows), count(rows, 2.0);
      for (size_t row = 0; row < rows; ++row) expected[row] = b == nullptr ? 0.0 : double{b[row]};
      for (size_t row = 0; row < rows; ++row) magnitude[row] = std::abs(expected[row]);
      for (int64_t slot = 0; slot < p.builder.nnz(); ++slot) {
        const auto row = static_cast<size_t>(p.builder.slot_row()[slot]);
        const double product = double{p.values[slot]} * double{p.x[p.builder.slot_col()[slot]]};
        expected[row] += product;
        magnitude[row] += std::abs(product);
        count[row] += 1;
      }
      const std::vector<float> y = p.forward(b);
      for (size_t row = 0; row < rows; ++row) {
        ASSERT_NEAR(y[row], expected[row], kEpsilon * count[row] * magnitude[row]) << "row " << row;
      }
    }
  });
}

TEST_P(CsrVectorTest, AnInfinityReachesOnlyTheRowsThatHaveANonzeroInItsColumn) {
  for (const int64_t panel_cols : {40, 200, 300}) {
    for (int64_t bad = 0; bad < 300; bad += 20) {
      // Odd rows have no nonzero in the columns that are multiples of 20, and a count that fills no vector.
      Problem p(StreamBuilder(6, 300, 6, panel_cols, [](int64_t row, int64_t col) {
        return row % 2 == 0 || (col % 20 != 0 && col % 3 == 0);
      }));
      p.x[bad] = kInfinity;
      const std::vector<float> y = p.forward(nullptr);
      for (size_t row = 0; row < y.size(); ++row) {
        ASSERT_EQ(std::isfinite(y[row]), row % 2 == 1) << "row " << row << " column " << bad;
      }
    }
  }
}

TEST_P(CsrVectorTest, WeightGradIsTheRoundedProductOfEachNonzero) {
  for_every_problem([](Problem& p) {
    GuardedArray<float> dy(p.w.rows);
    GuardedArray<float> grad(p.builder.nnz());
    fill_uniform(dy.span(), 4);
    for (float& g : grad.span()) g = kNaN;
    for (int64_t block = 0; block < p.w.blocks(); ++block) {
      csr_weight_grad_vector(p.w, block, 0, p.w.panels(), dy.data() + block * p.w.block_rows, p.x.data(), grad.data());
    }
    for (int64_t slot = 0; slot < p.builder.nnz(); ++slot) {
      ASSERT_EQ(grad[slot], dy[p.builder.slot_row()[slot]] * p.x[p.builder.slot_col()[slot]]) << "slot " << slot;
    }
  });
}

TEST_P(CsrVectorTest, WeightGradTouchesOnlyTheSlotsOfItsBlockAndPanels) {
  constexpr float kUntouched = 77.0f;
  Problem p(random_stream(40, 100, 16, 24, 0.4, 3));
  GuardedArray<float> dy(p.w.rows);
  GuardedArray<float> grad(p.builder.nnz());
  fill_uniform(dy.span(), 4);
  for (float& g : grad.span()) g = kUntouched;
  csr_weight_grad_vector(p.w, 1, 1, 3, dy.data() + 16, p.x.data(), grad.data());
  for (int64_t slot = 0; slot < p.builder.nnz(); ++slot) {
    const int64_t row = p.builder.slot_row()[slot], col = p.builder.slot_col()[slot];
    const bool inside = row >= 16 && row < 32 && col >= 24 && col < 72;
    ASSERT_EQ(grad[slot], inside ? dy[row] * p.x[col] : kUntouched) << "slot " << slot;
  }
}

TEST(ReferenceCsrVector, ProductsOfIntegersAreExactInFloat64) {
  const StreamBuilder builder = random_stream(20, 50, 8, 16, 0.3, 3);
  const CsrStream w = builder.stream();
  std::vector<double> values(static_cast<size_t>(builder.nnz())), x(50), bias(20), dy(20);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i % 7) - 3;
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i % 5) - 2;
  for (size_t i = 0; i < bias.size(); ++i) bias[i] = static_cast<double>(i);
  for (size_t i = 0; i < dy.size(); ++i) dy[i] = static_cast<double>(i % 3) - 1;
  std::vector<double> expected = bias, y(20, 99.0);
  std::vector<double> expected_grad(values.size()), grad(values.size(), 99.0);
  for (int64_t slot = 0; slot < builder.nnz(); ++slot) {
    const auto at = static_cast<size_t>(slot);
    const auto row = static_cast<size_t>(builder.slot_row()[at]), col = static_cast<size_t>(builder.slot_col()[at]);
    expected[row] += values[at] * x[col];
    expected_grad[at] = dy[row] * x[col];
  }
  for (int64_t block = 0; block < w.blocks(); ++block) {
    const int64_t row = block * w.block_rows;
    reference::csr_forward_vector(w, values.data(), block, x.data(), bias.data() + row, y.data() + row);
    reference::csr_weight_grad_vector(w, block, 0, w.panels(), dy.data() + row, x.data(), grad.data());
  }
  EXPECT_EQ(y, expected);
  EXPECT_EQ(grad, expected_grad);
}

}  // namespace
}  // namespace gossamer::kernels::csr_vector_test
