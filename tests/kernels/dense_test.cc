// Dense products of few samples on every target against the reference in float64, at sizes around the vector width.
#include "kernels/dense.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/reference/dense.h"
#include "tests/kernels/guarded_array.h"
#include "tests/kernels/simd_target_test.h"

namespace gossamer::kernels::dense_test {
namespace {

using testing::fill_uniform;
using testing::GuardedArray;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

class DenseTest : public testing::SimdTargetTest {};
GOSSAMER_ON_EVERY_SIMD_TARGET(DenseTest);

struct Problem {
  Problem(int64_t rows_, int64_t cols_, int64_t samples_)
      : rows(rows_), cols(cols_), samples(samples_), w(rows * cols), x(samples * cols), bias(rows) {
    fill_uniform(w.span(), 1);
    fill_uniform(x.span(), 2);
    fill_uniform(bias.span(), 3);
  }

  // Results with a stride that is one more than the rows; what lies between is untouched.
  std::vector<float> forward(const float* b, bool in_memory) {
    const int64_t ld = rows + 1;
    GuardedArray<float> y((samples - 1) * ld + rows);
    for (float& out : y.span()) out = kNaN;
    dense_forward_few(rows, cols, w.data(), in_memory, samples, x.data(), b, y.data(), ld);
    std::vector<float> result;
    for (int64_t n = 0; n < samples; ++n) {
      EXPECT_TRUE(n == 0 || std::isnan(y[n * ld - 1]));
      result.insert(result.end(), y.data() + n * ld, y.data() + n * ld + rows);
    }
    return result;
  }

  int64_t rows, cols, samples;
  GuardedArray<float> w, x, bias;
};

TEST_P(DenseTest, ForwardIsThatOfTheReferenceAtAllSizes) {
  for (const int64_t cols : {1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 64, 65, 100}) {
    for (const int64_t rows : {1, 2, 3, 4, 5, 7, 8, 11}) {
      for (const int64_t samples : {1, 2, 3, 4, 5, 6, 7, 8, 16}) {
        SCOPED_TRACE(::testing::Message() << rows << " x " << cols << " x " << samples);
        Problem p(rows, cols, samples);
        const std::vector<double> w(p.w.span().begin(), p.w.span().end());
        const std::vector<double> x(p.x.span().begin(), p.x.span().end());
        const std::vector<double> bias(p.bias.span().begin(), p.bias.span().end());
        for (const bool has_bias : {false, true}) {
          std::vector<double> expected(static_cast<size_t>(rows * samples));
          reference::dense_forward_few(rows, cols, w.data(), samples, x.data(), has_bias ? bias.data() : nullptr,
                                       expected.data(), rows);
          // Each of cols + 1 operations rounds a partial sum of numbers up to 1.
          const auto terms = static_cast<double>(cols + 1);
          const double tolerance = std::numeric_limits<float>::epsilon() * terms * terms;
          for (const bool in_memory : {false, true}) {
            const std::vector<float> y = p.forward(has_bias ? p.bias.data() : nullptr, in_memory);
            for (size_t i = 0; i < expected.size(); ++i) ASSERT_NEAR(y[i], expected[i], tolerance) << i;
          }
        }
      }
    }
  }
}

TEST_P(DenseTest, ARowHasTheSameBitsInAnyPart) {
  for (const bool in_memory : {false, true}) {
    for (const int64_t samples : {1, 2, 3, 4, 7}) {
      Problem p(11, 53, samples);
      const std::vector<float> whole = p.forward(p.bias.data(), in_memory);
      for (int64_t row = 0; row < p.rows; ++row) {
        std::vector<float> alone(static_cast<size_t>(samples));
        dense_forward_few(1, p.cols, p.w.data() + row * p.cols, in_memory, samples, p.x.data(), p.bias.data() + row,
                          alone.data(), 1);
        for (int64_t n = 0; n < samples; ++n) {
          ASSERT_EQ(alone[static_cast<size_t>(n)], whole[static_cast<size_t>(n * p.rows + row)])
              << "row " << row << " of sample " << n << " of " << samples;
        }
      }
    }
  }
}

TEST_P(DenseTest, AnInfinityReachesItsRowAndItsSampleAlone) {
  for (const int64_t samples : {1, 5}) {
    for (const int64_t cols : {7, 16, 50, 53, 70}) {
      for (int64_t bad = 0; bad < cols; ++bad) {
        Problem of_w(6, cols, samples);
        of_w.w[4 * cols + bad] = std::numeric_limits<float>::infinity();
        Problem of_x(6, cols, samples);
        of_x.x[(samples - 1) * cols + bad] = std::numeric_limits<float>::infinity();
        for (const bool in_memory : {false, true}) {
          const std::vector<float> y = of_w.forward(nullptr, in_memory);
          for (size_t i = 0; i < y.size(); ++i) ASSERT_EQ(std::isinf(y[i]), i % 6 == 4) << cols << ", " << bad;
          const std::vector<float> z = of_x.forward(nullptr, in_memory);
          const auto last = static_cast<size_t>(samples - 1);
          for (size_t i = 0; i < z.size(); ++i) ASSERT_EQ(std::isinf(z[i]), i / 6 == last) << cols << ", " << bad;
        }
      }
    }
  }
}

}  // namespace
}  // namespace gossamer::kernels::dense_test
