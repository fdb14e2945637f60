// matmul and linear.
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "gossamer/error.h"
#include "gossamer/ops.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
#include "tests/support/tensors.h"

namespace gossamer::test_products {
namespace {

// [m, k] x [k, n] by the definition.
Tensor naive_product(const Tensor& a, const Tensor& b) {
  const int64_t m = a.dim(0), k = a.dim(1), n = b.dim(1);
  Tensor out = Tensor::zeros({m, n}, DType::f64);
  double* const c = out.mutable_data<double>();
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t l = 0; l < k; ++l) c[i * n + j] += a.data<double>()[i * k + l] * b.data<double>()[l * n + j];
    }
  }
  return out;
}

TEST(Matmul, MultipliesMatricesOfAnySize) {
  for (const auto& [m, k, n] : {std::array<int64_t, 3>{1, 1, 1}, {3, 4, 5}, {1, 7, 1}, {17, 1, 9}, {65, 33, 130}}) {
    const Tensor a = uniform({m, k}, 1);
    const Tensor b = uniform({k, n}, 2);
    golden::expect_close(matmul(a, b), naive_product(a, b), 1e-12, 1e-12);
  }
}

TEST(Matmul, BroadcastsLeadingDimensions) {
  const Tensor a = uniform({2, 1, 3, 4}, 1);
  const Tensor b = uniform({5, 4, 2}, 2);
  const Tensor c = matmul(a, b);
  ASSERT_EQ(c.shape(), Shape({2, 5, 3, 2}));
  for (int64_t i = 0; i < 2; ++i) {
    for (int64_t j = 0; j < 5; ++j) {
      const Tensor expected = naive_product(a.alias({3, 4}, i * 12), b.alias({4, 2}, j * 8));
      golden::expect_close(c.alias({3, 2}, (i * 5 + j) * 6), expected, 1e-14, 1e-14);
    }
  }
}

TEST(Matmul, OfEmptyInnerSizeIsZero) {
  golden::expect_equal(matmul(Tensor::zeros({2, 0}), Tensor::zeros({0, 3})), Tensor::zeros({2, 3}));
  EXPECT_EQ(matmul(Tensor::zeros({0, 4}), Tensor::zeros({4, 3})).shape(), Shape({0, 3}));
  EXPECT_EQ(matmul(Tensor::zeros({2, 0, 4}), Tensor::zeros({4, 3})).shape(), Shape({2, 0, 3}));
  EXPECT_EQ(matmul(Tensor::zeros({0, 2, 4}), Tensor::zeros({0, 4, 3})).shape(), Shape({0, 2, 3}));
}

TEST(Matmul, TakesTransposedOperandsWithTheValuesOfACopy) {
  const Tensor a = uniform({3, 4, 5}, 1);
  const Tensor b = uniform({3, 5, 2}, 2);
  const Tensor at = transpose(a, 1, 2);
  const Tensor bt = transpose(b, 1, 2);
  const Tensor expected = matmul(a, b);
  golden::expect_close(matmul(at, b, {.transpose_a = true}), expected, 1e-12, 1e-14);
  golden::expect_close(matmul(a, bt, {.transpose_b = true}), expected, 1e-12, 1e-14);
  golden::expect_close(matmul(at, bt, {.transpose_a = true, .transpose_b = true}), expected, 1e-12, 1e-14);
  EXPECT_NE(message_of<ShapeError>([&] { matmul(a, b, {.transpose_b = true}); }).find("transposed"), std::string::npos);
}

TEST(Matmul, TakesAVectorForARowOnTheLeftAndForAColumnOnTheRight) {
  const Tensor row = Tensor::from<float>({1, 2}, {2});
  const Tensor matrices = Tensor::from<float>({1, 2, 3, 4, 5, 6, 7, 8}, {2, 2, 2});
  golden::expect_equal(matmul(row, row), Tensor::full({}, 5));
  golden::expect_equal(matmul(row, matrices), Tensor::from<float>({7, 10, 19, 22}, {2, 2}));
  golden::expect_equal(matmul(matrices, row), Tensor::from<float>({5, 11, 17, 23}, {2, 2}));
  golden::expect_equal(matmul(row, Tensor::zeros({2, 0})), Tensor::zeros({0}));
  golden::expect_equal(matmul(Tensor::zeros({3, 0}), Tensor::zeros({0})), Tensor::zeros({3}));
}

TEST(Matmul, RefusesSizesThatDoNotFitAndNamesBoth) {
  EXPECT_EQ(message_of<ShapeError>([] {
              matmul(Tensor::ones({3, 4}), Tensor::ones({5, 2}));
            }),
            "matmul: the last size of a must equal the last but one of b; [3, 4] and [5, 2]; "
            "set transpose_a or transpose_b where the other dimension is meant");
  EXPECT_NE(message_of<ShapeError>([] {
              matmul(Tensor::ones({4}), Tensor::ones({4, 2}), {.transpose_a = true});
            }).find("transpose_a needs"),
            std::string::npos);
  EXPECT_NE(message_of<ShapeError>([] {
              matmul(Tensor::ones({2, 3, 4}), Tensor::ones({3, 4, 2}));
            }).find("matmul: "),
            std::string::npos);
  message_of<DTypeError>([] { matmul(Tensor::ones({2, 2}), Tensor::ones({2, 2}, DType::f64)); });
  message_of<StateError>([] { matmul(Tensor::ones({2, 2}), Tensor()); });
}

TEST(Linear, IsTheProductWithTheTransposedWeightPlusBias) {
  for (const auto& [n, in, out] : {std::array<int64_t, 3>{1, 1, 1}, {5, 7, 3}, {128, 40, 70}}) {
    const Tensor x = uniform({n, in}, 1);
    const Tensor weight = uniform({out, in}, 2);
    const Tensor bias = uniform({out}, 3);
    const Tensor product = naive_product(x, transpose(weight, 0, 1));
    golden::expect_close(linear(x, weight), product, 1e-12, 1e-12);
    golden::expect_close(linear(x, weight, bias), add(product, bias), 1e-12, 1e-12);
  }
}

TEST(Linear, WithoutInputsGivesTheBias) {
  Tensor x = Tensor::zeros({4, 0}).set_requires_grad();
  Tensor weight = Tensor::zeros({2, 0}).set_requires_grad();
  Tensor bias = Tensor::from<float>({1, 2}, {2}).set_requires_grad();
  const Tensor y = linear(x, weight, bias);
  golden::expect_equal(y.detach(), Tensor::from<float>({1, 2, 1, 2, 1, 2, 1, 2}, {4, 2}));
  sum(y).backward();
  golden::expect_equal(bias.grad(), Tensor::from<float>({4, 4}, {2}));
  EXPECT_EQ(weight.grad().shape(), Shape({2, 0}));
  golden::expect_equal(linear(x.detach(), weight.detach()), Tensor::zeros({4, 2}));
}

TEST(Linear, OfAnEmptyBatchHasZeroGradients) {
  Tensor weight = Tensor::ones({2, 3}).set_requires_grad();
  Tensor bias = Tensor::ones({2}).set_requires_grad();
  const Tensor y = linear(Tensor::zeros({0, 3}), weight, bias);
  EXPECT_EQ(y.shape(), Shape({0, 2}));
  y.backward(Tensor::zeros({0, 2}));
  golden::expect_equal(weight.grad(), Tensor::zeros({2, 3}));
  golden::expect_equal(bias.grad(), Tensor::zeros({2}));
}

TEST(Linear, ABadRowLeavesTheOtherRowsAlone) {
  Tensor x = uniform({3, 4}, 1, DType::f32);
  const Tensor weight = uniform({5, 4}, 2, DType::f32);
  const Tensor before = linear(x, weight);
  x.mutable_data<float>()[5] = std::numeric_limits<float>::quiet_NaN();
  const Tensor after = linear(x, weight);
  golden::expect_equal(slice(after, 0, 1), slice(before, 0, 1));
  golden::expect_equal(slice(after, 2, 3), slice(before, 2, 3));
  EXPECT_TRUE(all(isnan(slice(after, 1, 2))).item<bool>());
}

TEST(Linear, RefusesWhatDoesNotFit) {
  const Tensor weight = Tensor::ones({5, 4});
  EXPECT_EQ(message_of<ShapeError>([&] {
              linear(Tensor::ones({2, 3}), weight);
            }),
            "linear: x must be [..., 4] for a [5, 4] weight; [2, 3]");
  EXPECT_EQ(message_of<ShapeError>([&] {
              linear(Tensor::ones({2, 4}), weight, Tensor::ones({4}));
            }),
            "linear: bias must be [5]; [4]");
  message_of<ShapeError>([&] { linear(Tensor::ones({}), weight); });
  message_of<ShapeError>([&] { linear(Tensor::ones({2, 4}), Tensor::ones({4})); });
  message_of<DTypeError>([&] { linear(Tensor::ones({2, 4}, DType::f64), weight); });
  message_of<DTypeError>([&] { linear(Tensor::ones({2, 4}), weight, Tensor::ones({5}, DType::f64)); });
  EXPECT_NE(message_of<StateError>([&] { linear(Tensor(), weight); }).find("linear: "), std::string::npos);
}

}  // namespace
}  // namespace gossamer::test_products
