// csr_linear against the masked dense product: values and all gradients, every shape of batch, equal bits on any number
// of threads.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <tuple>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/error.h"
#include "gossamer/gradcheck.h"
#include "gossamer/ops.h"
#include "gossamer/runtime.h"
#include "tests/parameter/support.h"
#include "tests/support/golden.h"

namespace gossamer::test_csr_linear {
namespace {

using golden::expect_close;
using golden::expect_equal;
using test::contains;
using test::positions_of;
using test::random_pattern;
using test::select;
using test::uniform;

using PatternPtr = std::shared_ptr<const CsrPattern>;

Tensor leaf(Tensor tensor) { return tensor.set_requires_grad(); }

struct Products {
  Tensor y;
  Tensor dx;
  Tensor dvalues;
  Tensor dbias;  // undefined without bias
};

// One forward and backward pass; operands are copied, so that calls do not meet.
Products run(const PatternPtr& pattern, const Tensor& x, const Tensor& values, const Tensor& bias, const Tensor& dy,
             Execution execution = Execution::Auto) {
  const Tensor x_leaf = leaf(x.clone());
  const Tensor values_leaf = leaf(values.clone());
  const Tensor bias_leaf = bias.defined() ? leaf(bias.clone()) : Tensor();
  const Tensor y = csr_linear(x_leaf, pattern, values_leaf, bias_leaf, {.execution = execution});
  y.backward(dy);
  return {y.detach(), x_leaf.grad(), values_leaf.grad(), bias.defined() ? bias_leaf.grad() : Tensor()};
}

// The same products in double, from dense loops.
Products reference(const CsrPattern& pattern, const Tensor& x, const Tensor& values, const Tensor& bias,
                   const Tensor& dy) {
  const int64_t rows = pattern.rows();
  const int64_t cols = pattern.cols();
  int64_t n = 1;
  for (int i = 0; i + 1 < x.rank(); ++i) n *= x.dim(i);
  const Tensor x64 = x.to(DType::f64);
  const Tensor dy64 = dy.to(DType::f64);
  const Tensor values64 = values.to(DType::f64);
  Products r{Tensor::zeros(dy.shape(), DType::f64), Tensor::zeros(x.shape(), DType::f64),
             Tensor::zeros(values.shape(), DType::f64), Tensor()};
  double* y = r.y.mutable_data<double>();
  double* dx = r.dx.mutable_data<double>();
  double* dvalues = r.dvalues.mutable_data<double>();
  pattern.for_each([&](const SlotPosition& p) {
    const double w = values64.data<double>()[p.slot];
    for (int64_t i = 0; i < n; ++i) {
      y[i * rows + p.row] += x64.data<double>()[i * cols + p.col] * w;
      dx[i * cols + p.col] += dy64.data<double>()[i * rows + p.row] * w;
      dvalues[p.slot] += dy64.data<double>()[i * rows + p.row] * x64.data<double>()[i * cols + p.col];
    }
  });
  if (bias.defined()) {
    const Tensor bias64 = bias.to(DType::f64);
    r.dbias = Tensor::zeros({rows}, DType::f64);
    for (int64_t i = 0; i < n * rows; ++i) {
      y[i] += bias64.data<double>()[i % rows];
      r.dbias.mutable_data<double>()[i % rows] += dy64.data<double>()[i];
    }
  }
  return r;
}

// A sum of `terms` products of numbers below 1 is off by at most about terms * epsilon.
void expect_near(const Tensor& actual, const Tensor& expected, int64_t terms) {
  const double epsilon =
      actual.dtype() == DType::f32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
  expect_close(actual, expected.to(actual.dtype()), 4 * epsilon, static_cast<double>(terms + 4) * epsilon);
}

void check(const PatternPtr& pattern, const Shape& x_shape, DType dtype, bool with_bias, uint64_t key) {
  SCOPED_TRACE(testing::Message() << pattern->rows() << " x " << pattern->cols() << ", nnz " << pattern->nnz() << ", x "
                                  << x_shape.to_string() << " " << dtype_name(dtype));
  std::vector<int64_t> dims(x_shape.begin(), x_shape.end());
  dims.back() = pattern->rows();
  const Tensor x = uniform(x_shape, key, dtype);
  const Tensor values = uniform({pattern->nnz()}, key + 1, dtype);
  const Tensor bias = with_bias ? uniform({pattern->rows()}, key + 2, dtype) : Tensor();
  const Tensor dy = uniform(Shape(dims), key + 3, dtype);
  const Products expected = reference(*pattern, x, values, bias, dy);
  const int64_t n = dy.numel() / std::max<int64_t>(1, pattern->rows());
  for (const Execution execution : {Execution::Csr, Execution::Dense}) {
    SCOPED_TRACE(execution == Execution::Csr ? "Csr" : "Dense");
    const Products actual = run(pattern, x, values, bias, dy, execution);
    expect_near(actual.y, expected.y, pattern->cols());
    expect_near(actual.dx, expected.dx, pattern->rows());
    expect_near(actual.dvalues, expected.dvalues, n);
    if (with_bias) expect_near(actual.dbias, expected.dbias, n);
  }
}

TEST(CsrLinear, EqualsTheMaskedDenseProductForAllBatchesAndDensities) {
  uint64_t key = 1000;
  for (const MatrixSize size : {MatrixSize{1, 1}, {3, 17}, {33, 9}, {70, 130}}) {
    for (const double density : {0.0, 0.01, 0.1, 0.5, 0.9, 1.0}) {
      const auto pattern = random_pattern(size.rows, size.cols, density, ++key);
      for (const int64_t n : {0, 1, 2, 7, 8, 16, 31, 32, 33, 64, 100, 130}) {
        for (const DType dtype : {DType::f32, DType::f64}) {
          key += 10;
          check(pattern, {n, size.cols}, dtype, n % 2 == 0, key);
        }
      }
    }
  }
}

TEST(CsrLinear, EqualsTheMaskedDenseProductAcrossSeveralPanelsAndRowBlocks) {
  uint64_t key = 50000;
  for (const MatrixSize size : {MatrixSize{5, 3000}, {3000, 5}, {700, 900}}) {
    for (const double density : {0.01, 0.3}) {
      const auto pattern = random_pattern(size.rows, size.cols, density, ++key);
      for (const int64_t n : {1, 33}) {
        key += 10;
        check(pattern, {n, size.cols}, DType::f32, true, key);
      }
    }
  }
}

TEST(CsrLinear, TakesEmptyRowsAndColumns) {
  // Rows 0, 2 and 39 and all columns but 1 and 48 are empty.
  std::vector<int64_t> positions;
  for (int64_t row = 0; row < 40; ++row) {
    if (row == 0 || row == 2 || row == 39) continue;
    positions.push_back(row * 50 + 1);
    if (row % 3 == 0) positions.push_back(row * 50 + 48);
  }
  const auto pattern = CsrPattern::from_positions(40, 50, positions);
  for (const DType dtype : {DType::f32, DType::f64}) check(pattern, {33, 50}, dtype, true, 60000);
}

TEST(CsrLinear, TakesAnyNumberOfLeadingDimensions) {
  const auto pattern = random_pattern(6, 9, 0.4, 61000);
  for (const Shape& shape : {Shape{9}, Shape{4, 9}, Shape{2, 3, 9}, Shape{2, 1, 3, 9}, Shape{2, 0, 9}}) {
    for (const bool bias : {false, true}) check(pattern, shape, DType::f32, bias, 61010);
  }
}

TEST(CsrLinear, WithoutRowsOrColumnsIsTheBiasAlone) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    for (const MatrixSize size : {MatrixSize{0, 5}, {5, 0}, {0, 0}}) {
      for (const Shape& leading : {Shape{3}, Shape{2, 2}}) {
        std::vector<int64_t> dims(leading.begin(), leading.end());
        dims.push_back(size.cols);
        for (const bool bias : {false, true})
          check(random_pattern(size.rows, size.cols, 1, 1), Shape(dims), dtype, bias, 62000);
      }
    }
  }
}

TEST(CsrLinear, PassesAGradientCheck) {
  for (const double density : {0.3, 1.0}) {
    const auto pattern = random_pattern(5, 7, density, 63000);
    const auto f = [&](std::span<const Tensor> in) {
      const Tensor y = csr_linear(in[0], pattern, in[1], in[2]);
      return y * y;
    };
    const GradCheckResult result =
        gradcheck(f, {uniform({2, 3, 7}, 63001, DType::f64), uniform({pattern->nnz()}, 63002, DType::f64),
                      uniform({5}, 63003, DType::f64)});
    EXPECT_TRUE(result) << result.message;
  }
}

TEST(CsrToDense, PassesAGradientCheck) {
  const auto pattern = random_pattern(3, 8, 0.4, 63100);
  const auto f = [&](std::span<const Tensor> in) {
    const Tensor w = csr_to_dense(pattern, in[0], {3, 2, 4});
    return w * w;
  };
  const GradCheckResult result = gradcheck(f, {uniform({pattern->nnz()}, 63101, DType::f64)});
  EXPECT_TRUE(result) << result.message;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return std::memcmp(a.data<float>(), b.data<float>(), static_cast<size_t>(a.bytes())) == 0;
}

TEST(CsrLinear, TakesTheDenseWayForFewZerosAndManySamplesAndOtherwiseCsr) {
  // With a density of 0.05 the nonzeros are faster on every SIMD target, with 0.99 and many samples never. Row 0 has no
  // connection to column 0, and only the dense way multiplies the infinity there by a zero.
  for (const auto& [density, n, way] : {std::tuple{0.05, int64_t{512}, Execution::Csr},
                                        {0.99, int64_t{1}, Execution::Csr},
                                        {0.99, int64_t{4096}, Execution::Dense}}) {
    std::vector<int64_t> positions = positions_of(*random_pattern(100, 90, density, 64500));
    std::erase(positions, 0);
    const auto pattern = CsrPattern::from_positions(100, 90, positions);
    Tensor x = uniform({n, 90}, 64501);
    x.mutable_data<float>()[0] = std::numeric_limits<float>::infinity();
    const Tensor values = uniform({pattern->nnz()}, 64502);
    const auto is_dense = [&](Execution execution) {
      return std::isnan(csr_linear(x, pattern, values, {}, {.execution = execution}).data<float>()[0]);
    };
    EXPECT_FALSE(is_dense(Execution::Csr));
    EXPECT_TRUE(is_dense(Execution::Dense));
    EXPECT_EQ(is_dense(Execution::Auto), way == Execution::Dense) << density << " " << n;
  }
}

TEST(CsrLinear, GivesTheSameBitsOnAnyNumberOfThreads) {
  for (const double density : {0.1, 0.95, 1.0}) {
    for (const int64_t n : {1, 3, 200}) {
      const auto pattern = random_pattern(1100, 500, density, 64000);  // three row blocks, large enough for three tasks
      const Tensor x = uniform({n, 500}, 64001);
      const Tensor values = uniform({pattern->nnz()}, 64002);
      const Tensor bias = uniform({1100}, 64003);
      const Tensor dy = uniform({n, 1100}, 64004);
      Products first;
      with_threads(1, [&] { first = run(pattern, x, values, bias, dy); });
      for (const int threads : {2, 3, 8}) {
        Products other;
        with_threads(threads, [&] { other = run(pattern, x, values, bias, dy); });
        EXPECT_TRUE(same_bits(first.y, other.y)) << threads;
        EXPECT_TRUE(same_bits(first.dx, other.dx)) << threads;
        EXPECT_TRUE(same_bits(first.dvalues, other.dvalues)) << threads;
        EXPECT_TRUE(same_bits(first.dbias, other.dbias)) << threads;
      }
    }
  }
}

TEST(CsrLinear, FormsOnlyTheGradientsThatAreAskedFor) {
  const auto pattern = random_pattern(4, 3, 0.5, 65000);
  const Tensor x = uniform({2, 3}, 65001);
  const Tensor values = leaf(uniform({pattern->nnz()}, 65002));
  sum(csr_linear(x, pattern, values)).backward();
  EXPECT_TRUE(values.grad().defined());
  EXPECT_FALSE(x.grad().defined());

  const Tensor x_leaf = leaf(uniform({2, 3}, 65003));
  const Tensor frozen = uniform({pattern->nnz()}, 65004);
  sum(csr_linear(x_leaf, pattern, frozen)).backward();
  EXPECT_TRUE(x_leaf.grad().defined());
  EXPECT_FALSE(frozen.grad().defined());
}

TEST(CsrLinear, ANanInTheInputReachesOnlyTheRowsThatReadIt) {
  const auto pattern = CsrPattern::from_positions(3, 4, std::vector<int64_t>{0, 6, 11});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor y =
      csr_linear(Tensor::from<float>({1, nan, 2, 3}, {1, 4}), pattern, Tensor::from<float>({1, 1, 1}, {3}));
  // Column 1 has no connection.
  expect_equal(y, Tensor::from<float>({1, 2, 3}, {1, 3}));
}

TEST(CsrLinear, RefusesOperandsThatDoNotFit) {
  const auto pattern = random_pattern(3, 4, 0.5, 66000);
  const Tensor x = uniform({2, 4}, 66001);
  const Tensor values = uniform({pattern->nnz()}, 66002);
  EXPECT_TRUE(contains(message_of<ShapeError>([&] {
                         csr_linear(uniform({2, 3}, 1), pattern, values);
                       }),
                       "csr_linear: x must be [..., 4] for a [3, 4] weight; [2, 3]"));
  EXPECT_THROW(csr_linear(uniform({}, 1), pattern, values), ShapeError);
  EXPECT_THROW(csr_linear(x, pattern, uniform({pattern->nnz() + 1}, 1)), ShapeError);
  EXPECT_THROW(csr_linear(x, pattern, uniform({pattern->nnz(), 1}, 1)), ShapeError);
  EXPECT_THROW(csr_linear(x, pattern, values, uniform({4}, 1)), ShapeError);
  EXPECT_THROW(csr_linear(x, pattern, values, uniform({1, 3}, 1)), ShapeError);
  EXPECT_THROW(csr_linear(Tensor(), pattern, values), StateError);
  EXPECT_THROW(csr_linear(x, nullptr, values), StateError);
  EXPECT_THROW(csr_linear(x, pattern, Tensor()), StateError);
  EXPECT_THROW(csr_linear(uniform({2, 4}, 1, DType::f64), pattern, values), DTypeError);
  EXPECT_THROW(csr_linear(x, pattern, values, uniform({3}, 1, DType::f64)), DTypeError);
  EXPECT_THROW(csr_linear(Tensor::zeros({2, 4}, DType::i64), pattern, Tensor::zeros({pattern->nnz()}, DType::i64)),
               DTypeError);
}

TEST(CsrToDense, RefusesOperandsThatDoNotFit) {
  const auto pattern = random_pattern(3, 4, 0.5, 67000);
  const Tensor values = uniform({pattern->nnz()}, 67001);
  EXPECT_THROW(csr_to_dense(pattern, values, {4, 3}), ShapeError);
  EXPECT_THROW(csr_to_dense(pattern, uniform({pattern->nnz() + 1}, 1), {3, 4}), ShapeError);
  EXPECT_THROW(csr_to_dense(nullptr, values, {3, 4}), StateError);
  EXPECT_THROW(csr_to_dense(pattern, Tensor(), {3, 4}), StateError);
}

}  // namespace
}  // namespace gossamer::test_csr_linear
