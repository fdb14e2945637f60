// The products of a CSR weight over whole batches, in every layout of their operands and on both ways through a batch,
// against dense loops in double precision.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/random.h"
#include "gossamer/runtime.h"
#include "kernels/layout.h"
#include "ops/csr/products.h"
#include "tensor/tiles.h"
#include "tests/support/tensors.h"

namespace gossamer::test_csr_products {
namespace {

struct Sizes {
  int64_t rows, cols, n;
  double density;
};

// Streamed ones and others; single samples, part tiles and many tiles; one block and several.
const std::vector<Sizes> kSizes = {{37, 53, 1, 0.3},     {37, 53, 7, 0.3},      {130, 90, 64, 0.5},
                                   {300, 520, 100, 0.2}, {40, 60, 150, 0.5},    {600, 300, 200, 0.02},
                                   {70, 50, 1100, 0.9},  {300, 1100, 300, 0.05}};

std::shared_ptr<const CsrPattern> random_pattern(const Sizes& s) {
  const auto nnz = static_cast<int64_t>(s.density * static_cast<double>(s.rows * s.cols));
  return CsrPattern::from_positions(s.rows, s.cols, sample_without_replacement(5, s.rows * s.cols, nnz));
}

ConstBatch<float> view(const Tensor& x) {
  const ConstBatch<float> tiles = TensorTiles::get(x);
  return tiles.width != 0 ? tiles : ConstBatch<float>{x.data<float>(), x.dim(0), x.dim(1)};
}

Batch<float> open(Tensor& x) {
  return TensorTiles::width(x) != 0 ? TensorTiles::open(x) : Batch<float>{x.mutable_data<float>(), x.dim(0), x.dim(1)};
}

Tensor empty(const Shape& shape, int width) {
  return width == 0 ? Tensor::empty(shape) : TensorTiles::empty(shape, width);
}

Tensor in_layout(const Tensor& x, int width) { return width == 0 ? x.clone() : TensorTiles::pack(x, width); }

// Sums of `terms` products of numbers below 1.
void expect_near(const Tensor& actual, const Tensor& expected, int64_t terms) {
  ASSERT_EQ(actual.shape(), expected.shape());
  const double tolerance = 1e-6 * std::sqrt(static_cast<double>(terms) + 1) + 1e-6;
  for (int64_t i = 0; i < actual.numel(); ++i) {
    ASSERT_NEAR(std::as_const(actual).data<float>()[i], expected.data<double>()[i], tolerance) << "element " << i;
  }
}

Tensor product(const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b) {
  const Tensor x = a.to(DType::f64), y = b.to(DType::f64);
  const int64_t m = x.dim(transpose_a ? 1 : 0), k = x.dim(transpose_a ? 0 : 1), n = y.dim(transpose_b ? 0 : 1);
  Tensor out = Tensor::zeros({m, n}, DType::f64);
  double* const to = out.mutable_data<double>();
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t l = 0; l < k; ++l) {
        to[i * n + j] += x.data<double>()[transpose_a ? l * m + i : i * k + l] *
                         y.data<double>()[transpose_b ? j * k + l : l * n + j];
      }
    }
  }
  return out;
}

struct Problem {
  explicit Problem(const Sizes& s)
      : pattern(random_pattern(s)),
        transposed(CsrPatternAccess::transposed(*pattern)),
        w(CsrPatternAccess::stream(*pattern)),
        values(uniform({pattern->nnz()}, 1, DType::f32)),
        values_t(Tensor::empty({pattern->nnz()})),
        x(uniform({s.n, s.cols}, 2, DType::f32)),
        dy(uniform({s.n, s.rows}, 3, DType::f32)),
        bias(uniform({s.rows}, 4, DType::f32)) {
    transposed->gather_values(std::as_const(values).data<float>(), values_t.mutable_data<float>());
  }

  Tensor forward(int x_width, int y_width) const {
    const Tensor input = in_layout(x, x_width);
    Tensor y = empty({x.dim(0), w.rows}, y_width);
    csr_forward<float>(w, values.data<float>(), view(input), bias.data<float>(), open(y));
    return y;
  }
  std::pair<Tensor, Tensor> backward(int x_width, int dy_width) const {
    const Tensor input = in_layout(x, x_width), grad_output = in_layout(dy, dy_width);
    Tensor dx = empty(x.shape(), x_width), grad = Tensor::empty({pattern->nnz()});
    csr_backward<float>(w, transposed->view(), std::as_const(values_t).data<float>(), view(input), view(grad_output),
                        open(dx), grad.mutable_data<float>());
    return {dx, grad};
  }
  Tensor weight_grad(int x_width, int dy_width) const {
    const Tensor input = in_layout(x, x_width), grad_output = in_layout(dy, dy_width);
    Tensor grad = Tensor::empty({pattern->nnz()});
    csr_weight_grad<float>(w, view(input), view(grad_output), grad.mutable_data<float>());
    return grad;
  }

  std::shared_ptr<const CsrPattern> pattern;
  std::shared_ptr<const StreamPlan> transposed;
  kernels::CsrStream w;
  Tensor values, values_t, x, dy, bias;
};

// Calls f(width of the first batch, width of the second) for all layouts that may meet; 0 is row-major.
template <class F>
void for_all_layouts(int64_t n, const F& f) {
  f(0, 0);
  for (const int width : {16, 64}) {
    if (n < 16) continue;
    f(0, width);
    f(width, 0);
    f(width, width);
  }
}

TEST(CsrProducts, CoverBothWaysThroughABatch) {
  int streamed = 0;
  for (const Sizes& s : kSizes) streamed += streams_batch(Problem(s).w, s.n);
  EXPECT_GE(streamed, 2);
  EXPECT_LE(streamed, static_cast<int>(kSizes.size()) - 2);
}

TEST(CsrProducts, EqualDenseProductsInEveryLayout) {
  for (const Sizes& s : kSizes) {
    const Problem p(s);
    const Tensor dense = p.pattern->dense(p.values);
    Tensor y = product(p.x, false, dense, true);
    for (int64_t i = 0; i < y.numel(); ++i) {
      y.mutable_data<double>()[i] += static_cast<double>(std::as_const(p.bias).data<float>()[i % s.rows]);
    }
    const Tensor dx = product(p.dy, false, dense, false);
    const Tensor grad = p.pattern->gather(product(p.dy, true, p.x, false));
    for_all_layouts(s.n, [&](int first, int second) {
      SCOPED_TRACE(::testing::Message() << s.rows << " x " << s.cols << " x " << s.n << ", widths " << first << ", "
                                        << second);
      expect_near(p.forward(first, second), y, s.cols);
      const auto [dx_got, grad_got] = p.backward(first, second);
      expect_near(dx_got, dx, s.rows);
      expect_near(grad_got, grad, s.n);
      expect_near(p.weight_grad(first, second), grad, s.n);
    });
  }
}

TEST(CsrProducts, GiveTheSameBitsWithAnyNumberOfThreads) {
  for (const Sizes& s : kSizes) {
    const Problem p(s);
    for_all_layouts(s.n, [&](int first, int second) {
      const auto bits = [&](int threads) {
        std::vector<uint32_t> all;
        with_threads(threads, [&] {
          const auto [dx, grad] = p.backward(first, second);
          for (const Tensor& t : {p.forward(first, second), dx, grad}) {
            for (int64_t i = 0; i < t.numel(); ++i) all.push_back(std::bit_cast<uint32_t>(t.data<float>()[i]));
          }
        });
        return all;
      };
      const std::vector<uint32_t> one = bits(1);
      for (const int threads : {2, 3, 8}) EXPECT_TRUE(bits(threads) == one) << threads << " threads, n " << s.n;
    });
  }
}

}  // namespace
}  // namespace gossamer::test_csr_products
