// Convolutions at sizes beyond those of gradient checks, bands, images side by side and tiles of channels among them,
// against loops in double precision; with a CSR weight, against the dense weight masked.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/ops.h"
#include "ops/conv/products.h"
#include "ops/csr/conv.h"
#include "tests/support/golden.h"
#include "tests/support/tensors.h"

namespace gossamer::test_conv {
namespace {

using golden::expect_close;
using golden::expect_equal;

struct Case {
  Shape x, weight;
  Conv2dOptions options;
};

const std::vector<Case> kCases = {
    {{40, 9, 7, 7}, {20, 9, 3, 3}, {.padding = 1}},                           // images side by side
    {{33, 4, 6, 5}, {3, 4, 3, 2}, {.stride = 2, .padding = {1, 0}}},          // the last of them alone
    {{6, 10, 7, 7}, {70, 10, 3, 3}, {.padding = 1}},                          // patches of several images
    {{10, 66, 9, 9}, {64, 66, 3, 2}, {.stride = 2, .padding = {0, 1}}},       // and of strided ones
    {{5, 70, 7, 7}, {64, 70, 1, 1}, {}},                                      // and read where they lie
    {{1, 24, 66, 66}, {3, 24, 3, 3}, {.padding = 1}},                         // bands
    {{2, 3, 5, 6}, {70, 3, 3, 3}, {.padding = 1}},                            // two tiles of channels
    {{2, 3, 9, 150}, {17, 3, 2, 5}, {.stride = {1, 2}, .dilation = {3, 1}}},  // rows longer than a block
    {{3, 6, 11, 12}, {8, 3, 3, 3}, {.stride = {3, 2}, .padding = {2, 1}, .groups = 2}},
    {{2, 30, 5, 6}, {30, 1, 3, 3}, {.stride = {1, 2}, .padding = 1, .groups = 30}},
    {{1, 2, 310, 330}, {2, 1, 3, 3}, {.padding = 1, .groups = 2}},  // depthwise, in bands
    {{18, 50, 6, 6}, {66, 50, 1, 1}, {}},                           // without a copy
    {{2, 5, 4, 4}, {6, 5, 1, 1}, {.stride = 3, .padding = 4}},      // some outputs see zeros alone
    {{2, 1, 3, 3}, {2, 1, 2, 2}, {.padding = 7, .dilation = 2}},
};

struct Results {
  Tensor y, dx, dw, db;
};

Results reference(const Case& c, const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& dy) {
  const Tensor x64 = x.to(DType::f64), w64 = w.to(DType::f64), b64 = b.to(DType::f64), dy64 = dy.to(DType::f64);
  Results r{Tensor::zeros(dy.shape(), DType::f64), Tensor::zeros(x.shape(), DType::f64),
            Tensor::zeros(w.shape(), DType::f64), Tensor::zeros(b.shape(), DType::f64)};
  double* const y = r.y.mutable_data<double>();
  double* const dx = r.dx.mutable_data<double>();
  double* const dw = r.dw.mutable_data<double>();
  double* const db = r.db.mutable_data<double>();
  const Conv2dOptions& o = c.options;
  const int64_t in = w.dim(1), out_of_group = w.dim(0) / o.groups;
  int64_t at = 0;
  for (int64_t n = 0; n < dy.dim(0); ++n) {
    for (int64_t out = 0; out < dy.dim(1); ++out) {
      for (int64_t i = 0; i < dy.dim(2); ++i) {
        for (int64_t j = 0; j < dy.dim(3); ++j, ++at) {
          y[at] += b64.data<double>()[out];
          db[out] += dy64.data<double>()[at];
          for (int64_t k = 0; k < in * w.dim(2) * w.dim(3); ++k) {
            const int64_t channel = out / out_of_group * in + k / (w.dim(2) * w.dim(3));
            const int64_t row = i * o.stride.h + k / w.dim(3) % w.dim(2) * o.dilation.h - o.padding.h;
            const int64_t col = j * o.stride.w + k % w.dim(3) * o.dilation.w - o.padding.w;
            if (row < 0 || row >= x.dim(2) || col < 0 || col >= x.dim(3)) continue;
            const int64_t from = ((n * x.dim(1) + channel) * x.dim(2) + row) * x.dim(3) + col;
            const int64_t weight = out * in * w.dim(2) * w.dim(3) + k;
            y[at] += w64.data<double>()[weight] * x64.data<double>()[from];
            dx[from] += w64.data<double>()[weight] * dy64.data<double>()[at];
            dw[weight] += dy64.data<double>()[at] * x64.data<double>()[from];
          }
        }
      }
    }
  }
  return r;
}

// Sums of `terms` products of numbers below 1, here and in the reference.
void expect_near(const Tensor& actual, const Tensor& expected, int64_t terms) {
  const double epsilon =
      actual.dtype() == DType::f32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
  const double tolerance = std::sqrt(static_cast<double>(terms + 1)) * epsilon;
  expect_close(actual, expected.to(actual.dtype()), tolerance, 8 * tolerance);
}

Tensor leaf(const Tensor& x) { return x.clone().set_requires_grad(); }

TEST(Conv, EqualsLoopsInDoublePrecision) {
  for (const Case& c : kCases) {
    for (const DType dtype : {DType::f32, DType::f64}) {
      SCOPED_TRACE(::testing::Message() << c.x.to_string() << " with " << c.weight.to_string());
      const Tensor x = leaf(uniform(c.x, 1, dtype)), w = leaf(uniform(c.weight, 2, dtype));
      const Tensor b = leaf(uniform({c.weight[0]}, 3, dtype));
      const Tensor y = conv2d(x, w, b, c.options);
      const Tensor dy = uniform(y.shape(), 4, dtype);
      y.backward(dy);
      const Results expected = reference(c, x, w, b, dy);
      const int64_t window = w.numel() / w.dim(0), positions = dy.numel() / dy.dim(1);
      expect_near(y.detach(), expected.y, window);
      expect_near(x.grad(), expected.dx, window * w.dim(0));
      expect_near(w.grad(), expected.dw, positions);
      expect_near(b.grad(), expected.db, positions);
    }
  }
}

TEST(Conv, OfACsrWeightEqualsTheMaskedDenseOne) {
  for (const Case& c : kCases) {
    for (const double density : {0.0, 0.02, 0.3, 1.0}) {
      for (const DType dtype : {DType::f32, DType::f64}) {
        SCOPED_TRACE(::testing::Message() << c.x.to_string() << " with " << c.weight.to_string() << ", " << density);
        const MatrixSize size = as_matrix(c.weight);
        const auto pattern = CsrPattern::from_mask(random_mask({size.rows, size.cols}, 5, density));
        const Tensor values = uniform({pattern->nnz()}, 2, dtype), bias = uniform({size.rows}, 3, dtype);
        const Tensor x = leaf(uniform(c.x, 1, dtype)), b = leaf(bias);
        const Tensor w = leaf(pattern->dense(values).alias(c.weight));
        const Tensor y = conv2d(x, w, b, c.options);
        const Tensor dy = uniform(y.shape(), 4, dtype);
        y.backward(dy);
        const Tensor dw = pattern->gather(w.grad().alias({size.rows, size.cols}));
        const int64_t positions = dy.numel() / dy.dim(1);
        for (const Execution execution : {Execution::Csr, Execution::Auto, Execution::Dense}) {
          const Tensor xs = leaf(x.detach()), vs = leaf(values), bs = leaf(bias);
          const CsrWeight weight{.pattern = pattern, .values = vs, .execution = execution};
          const Tensor ys = csr_conv2d(xs, weight, c.weight, bs, c.options);
          ys.backward(dy);
          expect_near(ys.detach(), y.detach(), size.cols);
          expect_near(xs.grad(), x.grad(), size.cols * size.rows);
          expect_near(vs.grad(), dw, positions);
          expect_near(bs.grad(), b.grad(), positions);
        }
      }
    }
  }
}

TEST(Conv, UsesTheSubsetOfACsrWeightForwardAndAllOfItForItsGradient) {
  const Shape shape{6, 4, 3, 3};
  const auto pattern = CsrPattern::from_mask(random_mask({6, 36}, 1, 0.4));
  std::vector<int64_t> positions, slot_of(6 * 36);
  pattern->for_each([&](const SlotPosition& p) {
    if (p.col % 2 == 0) positions.push_back(p.row * 36 + p.col);
    slot_of[static_cast<size_t>(p.row * 36 + p.col)] = p.slot;
  });
  const auto part = CsrPattern::from_positions(6, 36, positions);
  std::vector<int64_t> source(positions.size());
  part->for_each([&](const SlotPosition& p) {
    source[static_cast<size_t>(p.slot)] = slot_of[static_cast<size_t>(p.row * 36 + p.col)];
  });
  const Tensor values = leaf(uniform({pattern->nnz()}, 2)), x = leaf(uniform({2, 4, 5, 5}, 3));
  CsrWeight weight{.pattern = pattern, .values = values, .execution = Execution::Csr};
  weight.subset = std::make_shared<const ForwardSubset>("test", pattern->nnz(), part, source);
  const Tensor y = csr_conv2d(x, weight, shape, {}, {.padding = 1});
  const Tensor dy = uniform(y.shape(), 4);
  y.backward(dy);

  const Tensor dense_x = leaf(x.detach());
  const Tensor w = leaf(part->dense(weight.used_values()).alias(shape));
  const Tensor expected = conv2d(dense_x, w, {}, {.padding = 1});
  expected.backward(dy);
  expect_close(y.detach(), expected.detach(), 1e-12, 1e-12);
  expect_close(x.grad(), dense_x.grad(), 1e-12, 1e-12);
  expect_close(values.grad(), pattern->gather(w.grad().alias({6, 36})), 1e-12, 1e-12);
}

TEST(Conv, GradientOfSomeRowsIsThatPartOfTheGradient) {
  const Case c{{20, 5, 9, 8}, {70, 5, 3, 3}, {.stride = 2, .padding = 1}};
  const ConvSize size{20, 1, 5, 70, {9, 3, 2, 1, 1}, {8, 3, 2, 1, 1}};
  const Tensor x = uniform(c.x, 1), w = leaf(uniform(c.weight, 2));
  const Tensor y = conv2d(x, w, {}, c.options);
  const Tensor dy = uniform(y.shape(), 3);
  y.backward(dy);
  for (const auto& [first, rows] : {std::pair<int64_t, int64_t>{0, 70}, {3, 20}, {69, 1}, {5, 0}}) {
    Tensor part = Tensor::empty({rows, 45}, DType::f64);
    conv_weight_grad_rows(size, first, rows, dy.data<double>(), x.data<double>(), part.mutable_data<double>());
    expect_close(part, w.grad().alias({rows, 45}, first * 45), 1e-12, 1e-12);
  }
}

// Of x, NaN or infinity at one place may reach the results and gradients that meet it, and no others: images, rows and
// channels lie side by side where they are multiplied.
TEST(Conv, GradientsOfTheWeightAreNaNOnlyWhereATapMeetsOne) {
  struct Row {
    Shape x, weight;
    Conv2dOptions options;
    double density;
  };
  const std::vector<Row> rows = {
      {{33, 3, 7, 7}, {5, 3, 3, 3}, {.padding = 1}, 1},
      {{33, 3, 7, 7}, {40, 3, 3, 3}, {.padding = 1}, 0.2},
      {{33, 3, 7, 7}, {64, 3, 3, 3}, {.padding = 1}, 1},
      {{9, 4, 9, 9}, {6, 4, 3, 3}, {.stride = 2, .padding = 1}, 1},
      {{9, 4, 9, 9}, {40, 4, 3, 3}, {.stride = 2, .padding = 1}, 0.2},
      {{9, 4, 9, 9}, {4, 1, 3, 3}, {.padding = 1, .groups = 4}, 1},
      {{9, 4, 9, 9}, {4, 1, 3, 3}, {.stride = 2, .padding = 1, .groups = 4}, 1},
      {{20, 2, 3, 5}, {33, 2, 1, 3}, {.padding = {0, 1}}, 0.2},
  };
  for (const Row& row : rows) {
    // The corners: which taps meet them depends on the padding alone.
    for (const int64_t place : {int64_t{0}, row.x[3] - 1, row.x[2] * row.x[3] - 1}) {
      for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        SCOPED_TRACE(::testing::Message() << row.x.to_string() << " with " << row.weight.to_string() << " and " << bad
                                          << " at " << place << ", density " << row.density);
        Tensor x = uniform(row.x, 1, DType::f32);
        x.mutable_data<float>()[row.x[1] * row.x[2] * row.x[3] + place] = bad;  // channel 0 of image 1
        const int64_t out = row.weight[0], of_channel = row.weight[2] * row.weight[3];
        const int64_t cols = row.weight[1] * of_channel;
        const Tensor mask = random_mask({out, cols}, 5, row.density);
        const auto pattern = CsrPattern::from_mask(mask);
        Tensor grad;
        if (row.density < 1) {
          const Tensor values = leaf(uniform({pattern->nnz()}, 2, DType::f32));
          const CsrWeight weight{.pattern = pattern, .values = values, .execution = Execution::Csr};
          const Tensor y = csr_conv2d(x, weight, row.weight, {}, row.options);
          y.backward(Tensor::ones(y.shape()));
          grad = pattern->dense(values.grad());
        } else {
          const Tensor w = leaf(uniform(row.weight, 2, DType::f32));
          const Tensor y = conv2d(x, w, {}, row.options);
          y.backward(Tensor::ones(y.shape()));
          grad = w.grad();
        }
        const int64_t stride = row.options.stride.h, in_row = place / row.x[3], in_col = place % row.x[3];
        const auto meets = [&](int64_t at, int64_t k, int64_t padding, int64_t size, int64_t kernel) {
          const int64_t position = at + padding - k;
          return position >= 0 && position % stride == 0 && position / stride <= (size + 2 * padding - kernel) / stride;
        };
        for (int64_t i = 0; i < grad.numel(); ++i) {
          const int64_t tap = i % cols % of_channel;
          const int64_t channel = row.options.groups == 1 ? i % cols / of_channel : i / cols;
          const bool met = channel == 0 &&
                           meets(in_row, tap / row.weight[3], row.options.padding.h, row.x[2], row.weight[2]) &&
                           meets(in_col, tap % row.weight[3], row.options.padding.w, row.x[3], row.weight[3]);
          ASSERT_EQ(std::isfinite(grad.data<float>()[i]), !(met && mask.data<bool>()[i])) << "weight " << i;
        }
      }
    }
  }
}

TEST(Conv, KeepsNaNWhereTheWindowMeetsIt) {
  Tensor x = Tensor::ones({1, 1, 5, 5});
  x.mutable_data<float>()[12] = std::numeric_limits<float>::quiet_NaN();
  const Tensor y = conv2d(x, Tensor::ones({1, 1, 2, 2}));
  for (int64_t i = 0; i < 16; ++i) {
    const bool meets = (i / 4 == 1 || i / 4 == 2) && (i % 4 == 1 || i % 4 == 2);
    EXPECT_EQ(std::isnan(y.data<float>()[i]), meets) << i;
  }
}

}  // namespace
}  // namespace gossamer::test_conv
