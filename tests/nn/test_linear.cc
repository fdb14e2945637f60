// Linear: initial values, CSR at birth, errors.
#include <cmath>
#include <memory>
#include <string>

#include "gossamer/runtime.h"
#include "tests/nn/support.h"

namespace gossamer::nn::test_linear {
namespace {

Linear make(const LinearOptions& options, uint64_t seed = 7) {
  Generator rng(seed);
  return Linear(options, rng);
}

TEST(Linear, IsXTimesWeightTransposedPlusBias) {
  const Linear source = make({.in = 3, .out = 2});
  source.weight().assign(Tensor::from<float>({1, 2, 3, 4, 5, 6}, {2, 3}), nullptr);
  source.bias().assign(Tensor::from<float>({10, 20}, {2}), nullptr);
  Linear layer(source.weight(), source.bias());
  expect_equal(layer(Tensor::from<float>({1, 0, -1, 2, 2, 2}, {2, 3})), Tensor::from<float>({8, 18, 22, 50}, {2, 2}));
}

TEST(Linear, TakesAnyLeadingDimensions) {
  Linear layer = make({.in = 5, .out = 3});
  const Tensor x = uniform({2, 4, 5}, 1);
  const Tensor y = layer(x);
  ASSERT_EQ(y.shape(), Shape({2, 4, 3}));
  expect_equal(y.alias({8, 3}), layer(x.alias({8, 5})));
}

TEST(Linear, StartsUniformWithinTheRootOfTheInputs) {
  const Linear layer = make({.in = 100, .out = 300});
  for (const Parameter& p : layer.parameters()) {
    const Tensor value = p.dense().to(DType::f64);
    double low = 1;
    double high = -1;
    double square = 0;
    for (const double v : value.span<double>()) {
      low = std::min(low, v);
      high = std::max(high, v);
      square += v * v;
    }
    EXPECT_GE(low, -0.1);
    EXPECT_LE(high, 0.1);
    EXPECT_LT(low, -0.098);
    EXPECT_GT(high, 0.098);
    EXPECT_NEAR(square / static_cast<double>(value.numel()), 0.01 / 3, 0.0005) << p.name();
  }
}

TEST(Linear, DrawsDifferentValuesForEachLayerAndForWeightAndBias) {
  Generator rng(7);
  const Linear a({.in = 8, .out = 8}, rng);
  const Linear b({.in = 8, .out = 8}, rng);
  EXPECT_NE(a.weight().dense().data<float>()[0], b.weight().dense().data<float>()[0]);
  EXPECT_NE(a.weight().dense().data<float>()[0], a.bias().dense().data<float>()[0]);
}

TEST(Linear, HasTheSameValuesForTheSameSeedOnAnyNumberOfThreads) {
  const Tensor alone = make({.in = 300, .out = 200}).weight().dense();
  with_threads(3, [&] { expect_equal(make({.in = 300, .out = 200}).weight().dense(), alone); });
}

class SparseLinear : public ::testing::TestWithParam<DType> {};

TEST_P(SparseLinear, EqualsTheMaskedDenseLayerFromBirth) {
  for (const double sparsity : {0.3, 0.5, 0.9, 0.99}) {
    Linear dense = make({.in = 70, .out = 45, .dtype = GetParam()});
    Linear csr = make({.in = 70, .out = 45, .sparsity = sparsity, .dtype = GetParam()});
    ASSERT_TRUE(csr.weight().is_csr());
    const auto kept = static_cast<int64_t>((1 - static_cast<float>(sparsity)) * 3150.0F);
    EXPECT_EQ(csr.weight().nnz(), kept);
    EXPECT_EQ(csr.weight().values().shape(), Shape({kept}));
    const Tensor masked = mul(dense.weight().dense(), csr.weight().mask().to(GetParam()));
    // A negative weight times the 0 of the mask is -0.
    golden::expect_close(csr.weight().dense(), masked, 0, 0);
    expect_equal(csr.bias().dense(), dense.bias().dense());

    Linear reference{Parameter(masked), dense.bias()};
    const Tensor x = uniform({33, 70}, 4, GetParam());
    expect_close(csr(x), reference(x), 1e-5, 1e-5);
  }
}
INSTANTIATE_TEST_SUITE_P(Types, SparseLinear, ::testing::Values(DType::f32, DType::f64),
                         [](const auto& type) { return std::string(dtype_name(type.param)); });

TEST(Linear, LeavesTheLayersAfterItTheSameWhateverItsOptions) {
  Generator plain(3);
  Generator other(3);
  const Linear a({.in = 8, .out = 8}, plain);
  const Linear b({.in = 8, .out = 8, .bias = false, .sparsity = 0.5}, other);
  expect_equal(Linear({.in = 4, .out = 4}, plain).weight().dense(),
               Linear({.in = 4, .out = 4}, other).weight().dense());
}

TEST(Linear, SpreadsItsConnectionsOverRowsAndColumns) {
  const Linear layer = make({.in = 100, .out = 100, .sparsity = 0.9});
  const Csr csr = layer.weight().pattern()->csr();
  int64_t left = 0;
  for (const int32_t col : csr.col_idx) left += col < 50 ? 1 : 0;
  const int64_t top = csr.row_ptr[50];
  // 1000 connections: each half holds 500, give or take 15.
  EXPECT_NEAR(static_cast<double>(left), 500, 90);
  EXPECT_NEAR(static_cast<double>(top), 500, 90);
}

TEST(Linear, TrainsInCsrAsTheMaskedDenseLayerDoes) {
  Linear dense = make({.in = 20, .out = 10});
  Linear csr = make({.in = 20, .out = 10, .sparsity = 0.8});
  const Tensor mask = csr.weight().mask();
  Linear masked{Parameter(csr.weight().dense()), Parameter(csr.bias().dense())};
  const Tensor x = uniform({16, 20}, 1);
  sum(mul(csr(x), uniform({16, 10}, 2))).backward();
  sum(mul(masked(x), uniform({16, 10}, 2))).backward();
  expect_close(csr.weight().pattern()->dense(csr.weight().grad()), mul(masked.weight().grad(), mask.to(DType::f32)),
               1e-5, 1e-5);
  expect_close(csr.bias().grad(), masked.bias().grad());
}

TEST(Linear, HasNoBiasWhenToldSo) {
  Linear layer = make({.in = 3, .out = 2, .bias = false});
  EXPECT_EQ(names_of(layer.named_parameters()), Names{"weight"});
  EXPECT_FALSE(layer.bias().defined());
  expect_equal(layer(Tensor::zeros({1, 3})), Tensor::zeros({1, 2}));
}

TEST(Linear, RefusesOptionsOutOfRangeAndTakesNoKeyForThem) {
  Generator rng(1);
  for (const LinearOptions& options :
       {LinearOptions{.in = 0, .out = 2}, LinearOptions{.in = 2, .out = 0}, LinearOptions{.in = -1, .out = 2},
        LinearOptions{.in = 2, .out = 2, .sparsity = 1}, LinearOptions{.in = 2, .out = 2, .sparsity = -0.1},
        LinearOptions{.in = 2, .out = 2, .sparsity = std::nan("")},
        LinearOptions{.in = int64_t{1} << 40, .out = int64_t{1} << 40}}) {
    EXPECT_THROW(Linear(options, rng), ConfigError) << options.in << " " << options.out << " " << options.sparsity;
  }
  EXPECT_THROW(Linear({.in = 2, .out = 2, .dtype = DType::i64}, rng), DTypeError);
  EXPECT_EQ(rng.count(), 0U);
}

TEST(Linear, RefusesParametersThatDoNotFit) {
  const Parameter weight(Tensor::ones({2, 3}));
  EXPECT_THROW(Linear{Parameter()}, ShapeError);
  EXPECT_THROW(Linear(Parameter(Tensor::ones({6}))), ShapeError);
  EXPECT_THROW(Linear(weight, Parameter(Tensor::ones({3}))), ShapeError);
  EXPECT_THROW(Linear(weight, Parameter(Tensor::ones({2}, DType::f64))), DTypeError);
}

TEST(Linear, RefusesInputsThatDoNotFit) {
  for (const double sparsity : {0.0, 0.5}) {
    Linear layer = make({.in = 4, .out = 2, .sparsity = sparsity});
    EXPECT_THROW(layer(Tensor::ones({2, 5})), ShapeError);
    EXPECT_THROW(layer(Tensor::ones({})), ShapeError);
    EXPECT_THROW(layer(Tensor::ones({2, 4}, DType::f64)), DTypeError);
    EXPECT_THROW(layer(Tensor()), Error);
  }
}

TEST(Linear, ClonesIndependently) {
  for (const double sparsity : {0.0, 0.5}) {
    Linear layer = make({.in = 4, .out = 2, .sparsity = sparsity});
    layer.eval();
    const Tensor before = layer.weight().dense();
    const auto copy = layer.clone();
    EXPECT_FALSE(copy->training());
    expect_equal(copy->parameters()[0].dense(), before);
    EXPECT_EQ(copy->parameters()[0].is_csr(), sparsity > 0);
    copy->parameters()[0].values().fill(9);
    expect_equal(layer.weight().dense(), before);
  }
}

}  // namespace
}  // namespace gossamer::nn::test_linear
