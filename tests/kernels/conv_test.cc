// The convolution kernels on every target against kernels/reference, at numbers of positions, rows and taps around
// those of their loops. Sources end at an unreadable page: nothing is read beyond the last position of a tap.
#include "kernels/conv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <vector>

#include "kernels/reference/conv.h"
#include "tests/kernels/guarded_array.h"
#include "tests/kernels/simd_target_test.h"

namespace gossamer::kernels::conv_test {
namespace {

using testing::fill_uniform;
using testing::GuardedArray;

// Taps in no order, all within `reach`, the largest among them.
std::vector<int64_t> offsets(int64_t taps, int64_t reach) {
  std::vector<int64_t> list;
  for (int64_t k = 0; k < taps; ++k) list.push_back((reach - k * 7 % (reach + 1)));
  return list;
}

template <class T>
void expect_near(const GuardedArray<T>& actual, const GuardedArray<T>& expected, int64_t terms) {
  const double tolerance = static_cast<double>(std::numeric_limits<T>::epsilon() * static_cast<T>(terms + 1));
  for (int64_t i = 0; i < actual.size(); ++i) {
    ASSERT_NEAR(static_cast<double>(actual[i]), static_cast<double>(expected[i]), tolerance) << "element " << i;
  }
}

class ConvTest : public testing::SimdTargetTest {};
GOSSAMER_ON_EVERY_SIMD_TARGET(ConvTest);

constexpr int64_t kReach = 37;
constexpr int64_t kPitch = kConvPositions + 3;

template <class T>
void expect_tiles_of_the_reference() {
  for (const int64_t taps : {0, 1, 20}) {
    const std::vector<int64_t> at = offsets(taps, kReach);
    for (int rows = 1; rows <= kConvRows; ++rows) {
      for (const int64_t n : {1, 3, 4, 5, 8, 9, 15, 16, 17, 24, 31, 32, 33, 47, 48}) {
        GuardedArray<T> x(n + kReach), w(taps * rows), bias(rows), y(rows * kPitch), expected(y.size());
        fill_uniform(x.span(), 1);
        fill_uniform(w.span(), 2);
        fill_uniform(bias.span(), 3);
        const ConvSource<T> source{x.data(), at.data(), taps};
        for (const T* start : {static_cast<const T*>(nullptr), static_cast<const T*>(bias.data())}) {
          for (const bool accumulate : {false, true}) {
            SCOPED_TRACE(::testing::Message() << taps << " taps, " << rows << " rows, " << n << " positions");
            fill_uniform(y.span(), 4);
            fill_uniform(expected.span(), 4);
            conv_tile(source, w.data(), rows, start, accumulate, n, y.data(), kPitch);
            reference::conv_tile(source, w.data(), rows, start, accumulate, n, expected.data(), kPitch);
            // What lies behind position n of a row is the kernel's to use.
            for (int r = 0; r < rows; ++r) {
              for (int64_t p = n; p < kConvPositions; ++p) y[r * kPitch + p] = expected[r * kPitch + p];
            }
            expect_near(y, expected, taps);
          }
        }
      }
    }
  }
}

TEST_P(ConvTest, TilesEqualTheReference) {
  expect_tiles_of_the_reference<float>();
  expect_tiles_of_the_reference<double>();
}

template <class T>
void expect_rows_of_the_reference() {
  for (const int64_t taps : {0, 1, 9}) {
    const std::vector<int64_t> at = offsets(taps, kReach);
    for (int64_t n = 0; n < 150; n += n < 40 ? 1 : 13) {
      GuardedArray<T> x(n + kReach), w(taps), y(n), expected(n);
      fill_uniform(x.span(), 1);
      fill_uniform(w.span(), 2);
      const ConvSource<T> source{x.data(), at.data(), taps};
      conv_row(source, w.data(), T(0.5), n, y.data());
      reference::conv_row(source, w.data(), T(0.5), n, expected.data());
      SCOPED_TRACE(n);
      expect_near(y, expected, taps);
    }
  }
}

TEST_P(ConvTest, RowsEqualTheReference) {
  expect_rows_of_the_reference<float>();
  expect_rows_of_the_reference<double>();
}

template <class T>
void expect_gradients_of_the_reference() {
  for (const int64_t taps : {1, 2, 9, 31}) {
    for (const ConvRuns& runs : {ConvRuns{1, 1, 1}, ConvRuns{3, 5, 6}, ConvRuns{2, 16, 19}, ConvRuns{4, 37, 37}}) {
      const std::vector<int64_t> at = offsets(taps, kReach);
      GuardedArray<T> x((runs.rows - 1) * runs.pitch + runs.n + kReach);
      fill_uniform(x.span(), 1);
      const ConvSource<T> source{x.data(), at.data(), taps};
      const int64_t positions = runs.rows * runs.n;
      for (const int width : {16, 32, 48, 64}) {
        SCOPED_TRACE(::testing::Message() << taps << " taps, " << runs.rows << " x " << runs.n << ", width " << width);
        GuardedArray<T> dy(positions * width), grad(taps * width), expected(taps * width);
        fill_uniform(dy.span(), 2);
        fill_uniform(grad.span(), 3);
        fill_uniform(expected.span(), 3);
        conv_weight_grad(source, dy.data(), width, runs, grad.data());
        reference::conv_weight_grad(source, dy.data(), width, runs, expected.data());
        expect_near(grad, expected, positions);
      }
      GuardedArray<T> dy(positions), grad(taps), expected(taps);
      fill_uniform(dy.span(), 2);
      fill_uniform(grad.span(), 3);
      fill_uniform(expected.span(), 3);
      conv_row_grad(source, dy.data(), runs, grad.data());
      reference::conv_row_grad(source, dy.data(), runs, expected.data());
      expect_near(grad, expected, positions);
    }
  }
}

TEST_P(ConvTest, GradientsEqualTheReference) {
  expect_gradients_of_the_reference<float>();
  expect_gradients_of_the_reference<double>();
}

template <class T>
void expect_moves_of_the_reference() {
  constexpr int64_t kTaps = 5;
  const std::vector<int64_t> at = offsets(kTaps, kReach);
  for (const int width : {8, 16, 64}) {
    for (const int64_t n : {0, 1, 7, 8, 15, 16, 31, 64}) {
      if (n > width) continue;
      SCOPED_TRACE(::testing::Message() << n << " of " << width);
      GuardedArray<T> x(n + kReach), tile(kTaps * width), expected(kTaps * width), target(n + kReach), sums(n + kReach);
      fill_uniform(x.span(), 1);
      fill_uniform(tile.span(), 2);
      fill_uniform(target.span(), 3);
      fill_uniform(sums.span(), 3);
      add_patches(tile.data(), width, at.data(), kTaps, n, target.data());
      reference::add_patches(tile.data(), width, at.data(), kTaps, n, sums.data());
      for (int64_t i = 0; i < sums.size(); ++i) ASSERT_EQ(target[i], sums[i]) << i;
      const ConvSource<T> source{x.data(), at.data(), kTaps};
      gather_patches(source, n, width, tile.data());
      reference::gather_patches(source, n, width, expected.data());
      for (int64_t i = 0; i < tile.size(); ++i) ASSERT_EQ(tile[i], expected[i]) << i;
    }
  }
  // Runs of every length up to beyond two vectors, the last of which ends where the source does.
  std::vector<ConvRun> runs;
  int64_t sum = 0;
  for (int64_t n = 1; n <= 35; ++n) runs.push_back({n / 2, n}), sum += n;
  for (const int64_t width : {sum - 5, sum + 9}) {
    GuardedArray<T> x(kReach + 17 + 35), tile((kTaps - 1) * (sum + 11) + std::max(sum, width)), expected(tile.size());
    fill_uniform(x.span(), 1);
    fill_uniform(tile.span(), 2);
    fill_uniform(expected.span(), 2);
    const ConvSource<T> source{x.data(), at.data(), kTaps};
    gather_runs(source, runs.data(), std::ssize(runs), width, sum + 11, tile.data());
    reference::gather_runs(source, runs.data(), std::ssize(runs), width, sum + 11, expected.data());
    for (int64_t i = 0; i < tile.size(); ++i) ASSERT_EQ(tile[i], expected[i]) << i;
  }
}

TEST_P(ConvTest, PatchesAndRunsAreMovedAsInTheReference) {
  expect_moves_of_the_reference<float>();
  expect_moves_of_the_reference<double>();
}

}  // namespace
}  // namespace gossamer::kernels::conv_test
