// Kernels of normalizations on every target against kernels/reference, at every length around the vector width, behind
// which lies a guard page.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/channel_norm.h"
#include "kernels/layer_norm.h"
#include "kernels/reference/channel_norm.h"
#include "kernels/reference/layer_norm.h"
#include "kernels/reference/tile_norm.h"
#include "kernels/tile_norm.h"
#include "tests/kernels/guarded_array.h"
#include "tests/kernels/simd_target_test.h"

namespace gossamer::kernels::norm_test {
namespace {

using testing::fill_uniform;
using Floats = testing::GuardedArray<float>;
using Doubles = std::vector<double>;

class NormTest : public testing::SimdTargetTest {};
GOSSAMER_ON_EVERY_SIMD_TARGET(NormTest);

struct Random : Floats {
  Random(int64_t size, uint32_t seed) : Floats(size) { fill_uniform(span(), seed); }
};

template <class T>
void expect_near(const T& actual, const T& expected, double tolerance, const char* what, int64_t n) {
  for (size_t i = 0; i < std::size(actual); ++i)
    ASSERT_NEAR(actual[i], expected[i], tolerance) << what << " " << i << " of " << n;
}

void expect_lines_of_the_reference(const NormLines& shape) {
  const int64_t n = shape.n;
  const int64_t size = shape.lines * n;
  Random x(size, 1), dy(size, 2), weight(n, 3), bias(n, 4);
  Floats y(size), dx(size), dweight(n), dbias(n);
  Floats y0(size), dx0(size), dweight0(n), dbias0(n);
  Doubles mean(static_cast<size_t>(shape.lines)), rstd(mean), mean0(mean), rstd0(mean);
  layer_norm(shape, x.data(), weight.data(), bias.data(), mean.data(), rstd.data(), y.data());
  reference::layer_norm(shape, x.data(), weight.data(), bias.data(), mean0.data(), rstd0.data(), y0.data());
  expect_near(mean, mean0, 3e-7, "mean", n);
  // Of one element the variance is 0: x has nothing to say but its rounding.
  expect_near(rstd, rstd0, 1e-5 * rstd0[0], "rstd", n);
  expect_near(y.span(), y0.span(), 1e-5, "y", n);
  layer_norm_grad(shape, x.data(), dy.data(), weight.data(), mean0.data(), rstd0.data(), dx.data(), dweight.data(),
                  dbias.data());
  reference::layer_norm_grad(shape, x.data(), dy.data(), weight.data(), mean0.data(), rstd0.data(), dx0.data(),
                             dweight0.data(), dbias0.data());
  expect_near(dx.span(), dx0.span(), 1e-5 * rstd0[0], "dx", n);
  expect_near(dweight.span(), dweight0.span(), 1e-5, "dweight", n);
  expect_near(dbias.span(), dbias0.span(), 1e-5, "dbias", n);
}

TEST_P(NormTest, LinesEqualTheReference) {
  for (const bool is_centered : {true, false}) {
    for (int64_t n = 1; n <= 70; ++n) expect_lines_of_the_reference({7, n, 1e-5, is_centered});
    expect_lines_of_the_reference({3, 2500, 1e-5, is_centered});
  }
}

TEST_P(NormTest, MomentsAreExactWhereTheFirstElementIsFarFromTheMean) {
  for (const int64_t n : {40, 3000}) {
    Random x(n, 1);
    for (int64_t i = 0; i < n; ++i) x[i] = 1e4F + 1e-1F * x[i];
    x[0] = 9e3F;
    Doubles mean(1), squares(1), mean0(1), squares0(1);
    plane_moments({1, n, n}, x.data(), mean.data(), squares.data());
    reference::plane_moments({1, n, n}, x.data(), mean0.data(), squares0.data());
    EXPECT_NEAR(mean[0], mean0[0], 1e-4) << n;
    EXPECT_NEAR(squares[0], squares0[0], 1e-6 * squares0[0]) << n;
  }
}

TEST_P(NormTest, PlanesEqualTheReference) {
  constexpr int64_t kCount = 3;
  for (int64_t length = 1; length <= 70; ++length) {
    const Planes planes{kCount, length, length + 2};
    const int64_t size = kCount * planes.stride - 2;
    Random x(size, 1), dy(size, 2), center(kCount, 3), scale(kCount, 4), slope(kCount, 5), shift(kCount, 6);
    Floats y(size), y0(size);
    Doubles first(kCount), second(kCount), first0(kCount), second0(kCount);
    plane_moments(planes, x.data(), first.data(), second.data());
    reference::plane_moments(planes, x.data(), first0.data(), second0.data());
    expect_near(first, first0, 3e-7, "mean", length);
    expect_near(second, second0, 3e-5, "squares", length);
    plane_dots(planes, dy.data(), x.data(), center.data(), first.data(), second.data());
    reference::plane_dots(planes, dy.data(), x.data(), center.data(), first0.data(), second0.data());
    expect_near(first, first0, 1e-5, "sum", length);
    expect_near(second, second0, 1e-5, "dot", length);
    plane_affine(planes, x.data(), center.data(), scale.data(), shift.data(), y.data());
    reference::plane_affine(planes, x.data(), center.data(), scale.data(), shift.data(), y0.data());
    expect_near(y.span(), y0.span(), 1e-6, "y", length);
    plane_grad(planes, dy.data(), x.data(), center.data(), scale.data(), slope.data(), shift.data(), y.data());
    reference::plane_grad(planes, dy.data(), x.data(), center.data(), scale.data(), slope.data(), shift.data(),
                          y0.data());
    expect_near(y.span(), y0.span(), 1e-6, "dx", length);
  }
}

void expect_tiles_of_the_reference(const NormTile& tile) {
  const int64_t n = tile.features;
  const int64_t size = n * tile.width;
  Random x(size, 1), dy(size, 2), weight(n, 3), bias(n, 4);
  for (int64_t i = 0; i < size; ++i) {
    if (i % tile.width >= tile.samples) x[i] = dy[i] = 0;
  }
  // One sample begins far from its mean.
  if (n > 10) x[0] = 100;
  Floats y(size), dx(size), y0(size), dx0(size);
  const auto features = static_cast<size_t>(n);
  Doubles mean(static_cast<size_t>(tile.width)), rstd(mean), mean0(mean), rstd0(mean);
  tile_norm(tile, x.data(), weight.data(), bias.data(), mean.data(), rstd.data(), y.data());
  reference::tile_norm(tile, x.data(), weight.data(), bias.data(), mean0.data(), rstd0.data(), y0.data());
  expect_near(mean, mean0, 1e-6, "mean", n);
  expect_near(rstd, rstd0, 1e-6 * *std::max_element(rstd0.begin(), rstd0.end()), "rstd", n);
  expect_near(y.span(), y0.span(), 2e-5, "y", n);
  Doubles dweight(features), dbias(features), dweight0(features), dbias0(features);
  tile_norm_grad(tile, x.data(), dy.data(), weight.data(), mean0.data(), rstd0.data(), dx.data(), dweight.data(),
                 dbias.data());
  reference::tile_norm_grad(tile, x.data(), dy.data(), weight.data(), mean0.data(), rstd0.data(), dx0.data(),
                            dweight0.data(), dbias0.data());
  expect_near(dx.span(), dx0.span(), 1e-5 * *std::max_element(rstd0.begin(), rstd0.end()), "dx", n);
  expect_near(dweight, dweight0, 1e-4, "dweight", n);
  expect_near(dbias, dbias0, 1e-5, "dbias", n);
}

TEST_P(NormTest, TilesEqualTheReference) {
  for (const bool is_centered : {true, false}) {
    for (const int width : {8, 16, 32, 64}) {
      for (const int64_t features : {2, 3, 4, 21, 300}) {
        for (const int samples : {width, width - 3}) {
          expect_tiles_of_the_reference({features, width, samples, 1e-5, is_centered});
        }
      }
    }
  }
}

TEST_P(NormTest, ColumnsEqualTheReference) {
  for (int64_t cols = 1; cols <= 70; ++cols) {
    const Columns columns{7, cols};
    const int64_t size = columns.rows * cols;
    Random x(size, 1), dy(size, 2), center(cols, 3), scale(cols, 4), slope(cols, 5), shift(cols, 6);
    Floats y(size), y0(size), first(cols), second(cols), first0(cols), second0(cols);
    column_moments(columns, x.data(), center.data(), first.data(), second.data());
    reference::column_moments(columns, x.data(), center.data(), first0.data(), second0.data());
    column_dots(columns, dy.data(), x.data(), center.data(), first.data(), second.data());
    reference::column_dots(columns, dy.data(), x.data(), center.data(), first0.data(), second0.data());
    expect_near(first.span(), first0.span(), 1e-5, "sums", cols);
    expect_near(second.span(), second0.span(), 1e-5, "squares and dots", cols);
    column_affine(columns, x.data(), center.data(), scale.data(), shift.data(), y.data());
    reference::column_affine(columns, x.data(), center.data(), scale.data(), shift.data(), y0.data());
    expect_near(y.span(), y0.span(), 1e-6, "y", cols);
    column_grad(columns, dy.data(), x.data(), center.data(), scale.data(), slope.data(), shift.data(), y.data());
    reference::column_grad(columns, dy.data(), x.data(), center.data(), scale.data(), slope.data(), shift.data(),
                           y0.data());
    expect_near(y.span(), y0.span(), 1e-6, "dx", cols);
  }
}

}  // namespace
}  // namespace gossamer::kernels::norm_test
