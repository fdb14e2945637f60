// The CSR kernels on every target against kernels/reference, and the reference against plain dense loops.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "kernels/csr.h"
#include "kernels/reference/csr.h"
#include "tests/kernels/guarded_array.h"
#include "tests/kernels/simd_target_test.h"
#include "tests/kernels/stream_builder.h"

namespace gossamer::kernels::csr_test {
namespace {

using testing::fill_uniform;
using testing::GuardedArray;
using testing::random_stream;
using testing::StreamBuilder;

constexpr float kEpsilon = std::numeric_limits<float>::epsilon();

struct Case {
  int64_t rows, cols, block_rows, panel_cols;
};

// Row blocks and panels that divide the matrix, that do not, that are one row or column, and one cell for all.
const std::vector<Case> kCases = {{1, 1, 1, 1},   {1, 40, 1, 40},   {40, 1, 7, 1},     {5, 7, 2, 3},
                                  {16, 16, 8, 8}, {33, 70, 16, 32}, {64, 130, 64, 64}, {19, 200, 19, 200}};
const std::vector<double> kDensities = {0, 0.01, 0.1, 0.5, 1};

// Every third row and every fourth column stay empty, whatever the density of the rest.
StreamBuilder stream_with_empty_rows_and_columns(const Case& c, double density) {
  std::mt19937 generator(5);
  std::uniform_real_distribution<double> uniform(0.0, 1.0);
  return StreamBuilder(c.rows, c.cols, c.block_rows, c.panel_cols, [&](int64_t row, int64_t col) {
    return row % 3 != 2 && col % 4 != 3 && uniform(generator) < density;
  });
}

template <class Body>  // body(const StreamBuilder&)
void for_every_pattern(const Body& body) {
  for (const Case& c : kCases) {
    for (const double density : kDensities) {
      SCOPED_TRACE(::testing::Message() << c.rows << " x " << c.cols << " in blocks of " << c.block_rows << " x "
                                        << c.panel_cols << ", density " << density);
      body(random_stream(c.rows, c.cols, c.block_rows, c.panel_cols, density, 11));
      body(stream_with_empty_rows_and_columns(c, density));
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

int64_t rows_of_block(const CsrStream& w, int64_t block) {
  return std::min(w.block_rows, w.rows - block * w.block_rows);
}

// The whole product, one tile: [rows][width].
std::vector<float> forward(const CsrStream& w, const float* values, const float* x_tile, int width,
                           const float* bias = nullptr) {
  std::vector<float> result;
  for (int64_t block = 0; block < w.blocks(); ++block) {
    GuardedArray<float> y_tile(rows_of_block(w, block) * width, 64);
    for (float& y : y_tile.span()) y = std::numeric_limits<float>::quiet_NaN();  // must be overwritten
    csr_forward_tile(w, values, block, x_tile, width, bias == nullptr ? nullptr : bias + block * w.block_rows,
                     y_tile.data());
    result.insert(result.end(), y_tile.data(), y_tile.data() + y_tile.size());
  }
  return result;
}

// Small integers: every sum is exact, in any order.
template <typename T>
std::vector<T> integers(int64_t size, uint32_t seed) {
  std::mt19937 generator(seed);
  std::vector<T> values(static_cast<size_t>(size));
  for (T& value : values) value = static_cast<T>(static_cast<int>(generator() % 9) - 4);
  return values;
}

class CsrTest : public testing::SimdTargetTest {};
GOSSAMER_ON_EVERY_SIMD_TARGET(CsrTest);

TEST_P(CsrTest, ForwardEqualsTheReferenceWithinRounding) {
  for_every_pattern([](const StreamBuilder& builder) {
    const CsrStream w = builder.stream();
    GuardedArray<float> values(builder.nnz());
    fill_uniform(values.span(), 1);
    for (const int width : kTileWidths) {
      GuardedArray<float> x_tile(w.cols * width, 64);
      fill_uniform(x_tile.span(), 2);
      const std::vector<float> y = forward(w, values.data(), x_tile.data(), width);
      std::vector<double> expected(y.size()), magnitude(y.size());
      std::vector<int64_t> count(y.size());
      for (int64_t slot = 0; slot < builder.nnz(); ++slot) {
        for (int n = 0; n < width; ++n) {
          const auto at = static_cast<size_t>(builder.slot_row()[slot] * width + n);
          const double product = double{values[slot]} * double{x_tile[builder.slot_col()[slot] * width + n]};
          expected[at] += product;
          magnitude[at] += std::abs(product);
          ++count[at];
        }
      }
      for (size_t i = 0; i < y.size(); ++i) {
        ASSERT_NEAR(y[i], expected[i], kEpsilon * static_cast<double>(count[i] + 1) * magnitude[i])
            << "width " << width << " at " << i;
      }
    }
  });
}

TEST_P(CsrTest, ForwardStartsEveryRowWithItsBias) {
  for_every_pattern([](const StreamBuilder& builder) {
    const CsrStream w = builder.stream();
    // Small integers: every sum is exact.
    const std::vector<float> values = integers<float>(builder.nnz(), 1);
    const std::vector<float> bias = integers<float>(w.rows, 2);
    for (const int width : kTileWidths) {
      GuardedArray<float> x_tile(w.cols * width, 64);
      std::ranges::copy(integers<float>(x_tile.size(), 3), x_tile.data());
      const std::vector<float> without = forward(w, values.data(), x_tile.data(), width);
      const std::vector<float> with = forward(w, values.data(), x_tile.data(), width, bias.data());
      for (size_t i = 0; i < with.size(); ++i) {
        ASSERT_EQ(with[i], without[i] + bias[i / static_cast<size_t>(width)]) << "width " << width << " at " << i;
      }
    }
  });
}

TEST_P(CsrTest, ForwardGivesTheSameBitsForEveryLayoutAndWidth) {
  constexpr int64_t kRows = 37, kCols = 150;
  const auto keep = [](int64_t row, int64_t col) { return (row * 31 + col * 17) % 5 < 2; };
  const auto value_at = [](int64_t row, int64_t col) { return std::sin(static_cast<float>(row * kCols + col)); };
  const auto product = [&](int64_t block_rows, int64_t panel_cols, int width) {
    const StreamBuilder builder(kRows, kCols, block_rows, panel_cols, keep);
    std::vector<float> values;
    for (int64_t slot = 0; slot < builder.nnz(); ++slot) {
      values.push_back(value_at(builder.slot_row()[slot], builder.slot_col()[slot]));
    }
    GuardedArray<float> x_tile(kCols * width, 64);
    for (int64_t k = 0; k < kCols; ++k) {
      for (int n = 0; n < 8; ++n) x_tile[k * width + n] = std::cos(static_cast<float>(k * 8) + static_cast<float>(n));
    }
    const std::vector<float> tile = forward(builder.stream(), values.data(), x_tile.data(), width);
    std::vector<float> first_samples;
    for (int64_t row = 0; row < kRows; ++row) {
      for (int n = 0; n < 8; ++n) first_samples.push_back(tile[static_cast<size_t>(row * width + n)]);
    }
    return first_samples;
  };
  const std::vector<float> expected = product(kRows, kCols, 8);
  for (const int width : kTileWidths) {
    EXPECT_EQ(product(37, 150, width), expected) << "width " << width;
    EXPECT_EQ(product(8, 32, width), expected) << "width " << width;
    EXPECT_EQ(product(1, 149, width), expected) << "width " << width;
  }
}

TEST_P(CsrTest, WeightGradEqualsTheReferenceWithinRounding) {
  for_every_pattern([](const StreamBuilder& builder) {
    const CsrStream w = builder.stream();
    for (const int width : kTileWidths) {
      for (const bool accumulate : {false, true}) {
        GuardedArray<float> x_tile(w.cols * width, 64);
        GuardedArray<float> dy(w.rows * width, 64);
        GuardedArray<float> grad(builder.nnz());
        fill_uniform(x_tile.span(), 3);
        fill_uniform(dy.span(), 4);
        fill_uniform(grad.span(), 5);
        const std::vector<float> before(grad.data(), grad.data() + grad.size());
        for (int64_t block = 0; block < w.blocks(); ++block) {
          GuardedArray<float> dy_tile(rows_of_block(w, block) * width, 64);
          std::copy_n(dy.data() + block * w.block_rows * width, dy_tile.size(), dy_tile.data());
          csr_weight_grad_tile(w, block, 0, w.panels(), dy_tile.data(), x_tile.data(), width, accumulate, grad.data());
        }
        for (int64_t slot = 0; slot < builder.nnz(); ++slot) {
          double expected = accumulate ? before[static_cast<size_t>(slot)] : 0.0;
          double magnitude = std::abs(expected);
          for (int n = 0; n < width; ++n) {
            const double product =
                double{dy[builder.slot_row()[slot] * width + n]} * double{x_tile[builder.slot_col()[slot] * width + n]};
            expected += product;
            magnitude += std::abs(product);
          }
          ASSERT_NEAR(grad[slot], expected, kEpsilon * static_cast<double>(width + 2) * magnitude)
              << "width " << width << " accumulate " << accumulate << " slot " << slot;
        }
      }
    }
  });
}

TEST_P(CsrTest, WeightGradTouchesOnlyTheSlotsOfItsPanels) {
  constexpr int kWidth = 32;
  constexpr float kUntouched = 77.0f;
  const StreamBuilder builder = random_stream(40, 100, 16, 24, 0.4, 3);
  const CsrStream w = builder.stream();
  GuardedArray<float> x_tile(w.cols * kWidth, 64);
  GuardedArray<float> dy_tile(w.block_rows * kWidth, 64);
  fill_uniform(x_tile.span(), 1);
  fill_uniform(dy_tile.span(), 2);
  std::vector<float> grad(static_cast<size_t>(builder.nnz()), kUntouched);
  csr_weight_grad_tile(w, 1, 2, 4, dy_tile.data(), x_tile.data(), kWidth, false, grad.data());
  for (int64_t slot = 0; slot < builder.nnz(); ++slot) {
    const int64_t row = builder.slot_row()[slot], col = builder.slot_col()[slot];
    const bool inside = row / w.block_rows == 1 && col / w.panel_cols >= 2 && col / w.panel_cols < 4;
    EXPECT_EQ(grad[static_cast<size_t>(slot)] != kUntouched, inside) << "slot " << slot;
  }
}

TEST_P(CsrTest, FetchingAheadChangesNoBit) {
  constexpr int kWidth = 32;
  const StreamBuilder builder = random_stream(40, 100, 40, 24, 0.2, 3);
  const CsrStream w = builder.stream();
  GuardedArray<float> values(builder.nnz()), x_tile(w.cols * kWidth, 64), dy_tile(w.rows * kWidth, 64), next(333);
  fill_uniform(values.span(), 1);
  fill_uniform(x_tile.span(), 2);
  fill_uniform(dy_tile.span(), 3);
  const auto products = [&](FetchAhead ahead) {
    GuardedArray<float> y(w.rows * kWidth, 64), grad(builder.nnz());
    csr_forward_tile(w, values.data(), 0, x_tile.data(), kWidth, nullptr, y.data(), ahead);
    csr_weight_grad_tile(w, 0, 0, w.panels(), dy_tile.data(), x_tile.data(), kWidth, false, grad.data(), ahead);
    std::vector<float> all(y.data(), y.data() + y.size());
    all.insert(all.end(), grad.data(), grad.data() + grad.size());
    return all;
  };
  EXPECT_EQ(products({next.data(), next.size()}), products({}));
}

TEST_P(CsrTest, WeightGradOfASlotDoesNotDependOnItsNeighbours) {
  constexpr int kWidth = 64;
  GuardedArray<float> x_tile(100 * kWidth, 64);
  GuardedArray<float> dy_tile(kWidth, 64);
  fill_uniform(x_tile.span(), 1);
  fill_uniform(dy_tile.span(), 2);
  const auto gradient = [&](int64_t nnz) {
    const StreamBuilder builder(1, 100, 1, 100, [&](int64_t, int64_t col) { return col < nnz; });
    std::vector<float> grad(static_cast<size_t>(nnz));
    csr_weight_grad_tile(builder.stream(), 0, 0, 1, dy_tile.data(), x_tile.data(), kWidth, false, grad.data());
    return grad;
  };
  const std::vector<float> all = gradient(100);
  for (int64_t nnz = 1; nnz < 100; ++nnz) {
    EXPECT_EQ(gradient(nnz), std::vector<float>(all.begin(), all.begin() + nnz)) << nnz << " nonzeros";
  }
}

template <typename T>
class ReferenceCsr : public ::testing::Test {};
using Scalars = ::testing::Types<float, double>;
TYPED_TEST_SUITE(ReferenceCsr, Scalars);

TYPED_TEST(ReferenceCsr, ForwardEqualsADenseTripleLoop) {
  using T = TypeParam;
  for_every_pattern([](const StreamBuilder& builder) {
    constexpr int kWidth = 8;
    const CsrStream w = builder.stream();
    const std::vector<T> values = integers<T>(builder.nnz(), 1);
    const std::vector<T> x_tile = integers<T>(w.cols * kWidth, 2);
    std::vector<T> dense(static_cast<size_t>(w.rows * w.cols));
    for (int64_t slot = 0; slot < builder.nnz(); ++slot) {
      dense[static_cast<size_t>(builder.slot_row()[slot] * w.cols + builder.slot_col()[slot])] =
          values[static_cast<size_t>(slot)];
    }
    std::vector<T> expected(static_cast<size_t>(w.rows * kWidth));
    for (int64_t m = 0; m < w.rows; ++m) {
      for (int64_t k = 0; k < w.cols; ++k) {
        for (int64_t n = 0; n < kWidth; ++n) {
          expected[static_cast<size_t>(m * kWidth + n)] +=
              dense[static_cast<size_t>(m * w.cols + k)] * x_tile[static_cast<size_t>(k * kWidth + n)];
        }
      }
    }
    std::vector<T> y(expected.size(), T(99));
    for (int64_t block = 0; block < w.blocks(); ++block) {
      reference::csr_forward_tile(w, values.data(), block, x_tile.data(), kWidth, static_cast<const T*>(nullptr),
                                  y.data() + block * w.block_rows * kWidth);
    }
    ASSERT_EQ(y, expected);
  });
}

TYPED_TEST(ReferenceCsr, WeightGradEqualsADenseTripleLoop) {
  using T = TypeParam;
  for_every_pattern([](const StreamBuilder& builder) {
    constexpr int kWidth = 8;
    const CsrStream w = builder.stream();
    const std::vector<T> x_tile = integers<T>(w.cols * kWidth, 1);
    const std::vector<T> dy_tile = integers<T>(w.rows * kWidth, 2);
    std::vector<T> dense(static_cast<size_t>(w.rows * w.cols));
    for (int64_t m = 0; m < w.rows; ++m) {
      for (int64_t k = 0; k < w.cols; ++k) {
        for (int64_t n = 0; n < kWidth; ++n) {
          dense[static_cast<size_t>(m * w.cols + k)] +=
              dy_tile[static_cast<size_t>(m * kWidth + n)] * x_tile[static_cast<size_t>(k * kWidth + n)];
        }
      }
    }
    for (const bool accumulate : {false, true}) {
      std::vector<T> grad(static_cast<size_t>(builder.nnz()), T(5));
      for (int64_t block = 0; block < w.blocks(); ++block) {
        reference::csr_weight_grad_tile(w, block, 0, w.panels(), dy_tile.data() + block * w.block_rows * kWidth,
                                        x_tile.data(), kWidth, accumulate, grad.data());
      }
      for (int64_t slot = 0; slot < builder.nnz(); ++slot) {
        const T sum = dense[static_cast<size_t>(builder.slot_row()[slot] * w.cols + builder.slot_col()[slot])];
        ASSERT_EQ(grad[static_cast<size_t>(slot)], accumulate ? T(5) + sum : sum) << "slot " << slot;
      }
    }
  });
}

}  // namespace
}  // namespace gossamer::kernels::csr_test
