// Pooling against the plain loops over every window.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "gossamer/ops.h"
#include "tests/support/golden.h"
#include "tests/support/tensors.h"

namespace gossamer::test_pooling {
namespace {

using golden::expect_close;
using golden::expect_equal;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Of windows that begin at `start` and stay below `stop`, padding included.
struct Extent {
  int64_t start;
  int64_t stop;
};

// The sizes of results and the windows as PyTorch's documentation has them.
std::vector<Extent> extents(int64_t size, int64_t kernel, int64_t stride, int64_t before, int64_t after,
                            int64_t dilation, bool ceil_mode) {
  const double room = static_cast<double>(size + before + after - dilation * (kernel - 1) - 1);
  const double steps = room / static_cast<double>(stride);
  auto count = static_cast<int64_t>(ceil_mode ? std::ceil(steps) : std::floor(steps)) + 1;
  if (ceil_mode && (count - 1) * stride >= size + before) --count;
  std::vector<Extent> all;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t start = i * stride - before;
    all.push_back({start, std::min(start + dilation * (kernel - 1) + 1, size + after)});
  }
  return all;
}

struct Expected {
  Tensor max, indices, mean, mean_inside;
};

Expected expected(const Tensor& x, const MaxPool2dOptions& o) {
  const int64_t h = x.dim(1);
  const int64_t w = x.dim(2);
  const Size2d stride{o.stride.h == 0 ? o.kernel.h : o.stride.h, o.stride.w == 0 ? o.kernel.w : o.stride.w};
  const Size2d end{o.padding_end.h < 0 ? o.padding.h : o.padding_end.h,
                   o.padding_end.w < 0 ? o.padding.w : o.padding_end.w};
  const auto rows = extents(h, o.kernel.h, stride.h, o.padding.h, end.h, o.dilation.h, o.ceil_mode);
  const auto cols = extents(w, o.kernel.w, stride.w, o.padding.w, end.w, o.dilation.w, o.ceil_mode);
  const Shape shape{x.dim(0), static_cast<int64_t>(rows.size()), static_cast<int64_t>(cols.size())};
  Expected e{Tensor::empty(shape), Tensor::empty(shape, DType::i64), Tensor::empty(shape), Tensor::empty(shape)};
  int64_t at = 0;
  for (int64_t plane = 0; plane < x.dim(0); ++plane) {
    for (const Extent& row : rows) {
      for (const Extent& col : cols) {
        float best = -std::numeric_limits<float>::infinity();
        int64_t index = -1;
        double sum = 0;
        int64_t inside = 0;
        for (int64_t r = row.start; r < row.stop; r += o.dilation.h) {
          for (int64_t c = col.start; c < col.stop; c += o.dilation.w) {
            if (r < 0 || r >= h || c < 0 || c >= w) continue;
            const float value = x.data<float>()[(plane * h + r) * w + c];
            if (index < 0 || value > best || std::isnan(value)) {
              best = value;
              index = r * w + c;
            }
            sum += static_cast<double>(value);
            ++inside;
          }
        }
        const auto padded = static_cast<double>((row.stop - row.start) * (col.stop - col.start));
        e.max.mutable_data<float>()[at] = best;
        e.indices.mutable_data<int64_t>()[at] = index;
        e.mean.mutable_data<float>()[at] = static_cast<float>(sum / padded);
        e.mean_inside.mutable_data<float>()[at] = static_cast<float>(sum / static_cast<double>(inside));
        ++at;
      }
    }
  }
  return e;
}

// Few different values, so that there are equal ones.
Tensor with_ties(const Shape& shape) {
  Tensor x = uniform(shape, 3, DType::f32, 0, 6);
  for (int64_t i = 0; i < x.numel(); ++i) x.mutable_data<float>()[i] = std::floor(x.data<float>()[i]);
  return x;
}

const std::vector<MaxPool2dOptions> kOptions{
    {.kernel = 2},
    {.kernel = 2, .ceil_mode = true},
    {.kernel = {1, 4}, .stride = 1},
    {.kernel = 3, .stride = 2, .padding = 1, .ceil_mode = true},
    {.kernel = 3, .stride = 1, .padding = 2},
    {.kernel = {3, 2}, .stride = {1, 3}, .padding = {1, 0}, .padding_end = {2, 1}},
    {.kernel = 3, .stride = 5, .padding = 1, .ceil_mode = true},
    {.kernel = 2, .stride = {2, 9}},
    {.kernel = {2, 12}, .stride = {1, 9}, .padding = {0, 6}},
};

TEST(Pooling, EqualsTheLoopsOverWindows) {
  for (const Shape& shape : {Shape{2, 7, 9}, Shape{3, 6, 6}, Shape{1, 5, 40}}) {
    const Tensor x = with_ties(shape);
    for (const MaxPool2dOptions& o : kOptions) {
      SCOPED_TRACE(shape.to_string() + " kernel " + std::to_string(o.kernel.h) + " stride " +
                   std::to_string(o.stride.h));
      const Expected e = expected(x, o);
      const auto [max, indices] = max_pool2d_with_indices(x, o);
      expect_equal(max, e.max);
      expect_equal(indices, e.indices);
      AvgPool2dOptions mean{.kernel = o.kernel,
                            .stride = o.stride,
                            .padding = o.padding,
                            .padding_end = o.padding_end,
                            .ceil_mode = o.ceil_mode};
      expect_close(avg_pool2d(x, mean), e.mean);
      mean.count_include_pad = false;
      expect_close(avg_pool2d(x, mean), e.mean_inside);
    }
  }
}

TEST(Pooling, TakesEveryOtherElementWhereItIsDilated) {
  for (const MaxPool2dOptions& o : std::vector<MaxPool2dOptions>{
           {.kernel = 2, .stride = 1, .dilation = 2},
           {.kernel = 3, .stride = 2, .padding = {1, 3}, .dilation = {1, 2}, .ceil_mode = true},
           {.kernel = 2, .stride = 9, .padding = {0, 2}, .dilation = {1, 2}},
           {.kernel = 2, .padding = 1, .dilation = 3}}) {
    const Tensor x = with_ties({2, 7, 8});
    const auto [max, indices] = max_pool2d_with_indices(x, o);
    const Expected e = expected(x, o);
    expect_equal(max, e.max);
    expect_equal(indices, e.indices);
  }
  const auto [max, indices] =
      max_pool2d_with_indices(Tensor::ones({1, 1, 1}), {.kernel = 2, .padding = 1, .dilation = 2});
  EXPECT_EQ(max.item<float>(), -std::numeric_limits<float>::infinity());
  EXPECT_EQ(indices.item<int64_t>(), -1);
}

TEST(Pooling, TakesNanForTheLargestAndTheLastOfThem) {
  for (const std::vector<int64_t>& places : std::vector<std::vector<int64_t>>{{11}, {10, 16}, {16, 10, 23}, {11, 17}}) {
    Tensor x = with_ties({1, 6, 6});
    for (const int64_t place : places) x.mutable_data<float>()[place] = kNan;
    for (const MaxPool2dOptions& o : kOptions) {
      const Expected e = expected(x, o);
      const auto [max, indices] = max_pool2d_with_indices(x, o);
      expect_equal(max, e.max);
      expect_equal(indices, e.indices);
    }
  }
}

TEST(Pooling, GradientOfTheMaximumGoesToTheFirstOfEqualElements) {
  Tensor x = Tensor::ones({1, 3, 3}).set_requires_grad();
  max_pool2d(x, {.kernel = 2, .stride = 1}).backward(Tensor::from<float>({1, 2, 3, 4}, {1, 2, 2}));
  expect_equal(x.grad(), Tensor::from<float>({1, 2, 0, 3, 4, 0, 0, 0, 0}, {1, 3, 3}));
}

TEST(AdaptivePooling, OfAllElementsIsTheirMeanAndMaximum) {
  const Tensor x = uniform({2, 3, 50, 41}, 1, DType::f32);
  expect_close(adaptive_avg_pool2d(x, 1), mean(x, {.dims = {2, 3}, .keepdim = true}));
  expect_equal(adaptive_max_pool2d(x, 1), max(x, {.dims = {2, 3}, .keepdim = true}));
}

// Windows of 7 for 3: [0, 3), [2, 5), [4, 7); of 2 for 4: 0, 0, 1, 1.
TEST(AdaptivePooling, CutsIntoWindowsThatOverlap) {
  std::vector<float> counted(14);
  for (size_t i = 0; i < counted.size(); ++i) counted[i] = static_cast<float>(i);
  const Tensor x = Tensor::from(counted, {1, 7, 2});
  const Tensor means = Tensor::from<float>({2, 2, 3, 3, 6, 6, 7, 7, 10, 10, 11, 11}, {1, 3, 4});
  const Tensor largest = Tensor::from<float>({4, 4, 5, 5, 8, 8, 9, 9, 12, 12, 13, 13}, {1, 3, 4});
  expect_equal(adaptive_avg_pool2d(x, {3, 4}), means);
  expect_equal(adaptive_max_pool2d(x, {3, 4}), largest);
}

}  // namespace
}  // namespace gossamer::test_pooling
