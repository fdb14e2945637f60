// Conv1d and Conv2d: initial values, CSR at birth, errors.
#include <algorithm>
#include <cmath>

#include "gossamer/nn/conv.h"
#include "gossamer/ops.h"
#include "tests/nn/support.h"

namespace gossamer::nn::test_conv {
namespace {

template <class Layer, class Options>
Layer make(const Options& options, uint64_t seed = 7) {
  Generator rng(seed);
  return Layer(options, rng);
}

TEST(ConvLayers, ComputeWhatTheOperationsDo) {
  Conv2d plane = make<Conv2d>(Conv2dOptions{
      .in = 4, .out = 6, .kernel = {3, 2}, .stride = {1, 2}, .padding = {2, 1}, .dilation = {2, 1}, .groups = 2});
  EXPECT_EQ(plane.weight().shape(), Shape({6, 2, 3, 2}));
  const Tensor x = uniform({2, 4, 5, 7}, 1);
  expect_equal(plane(x), conv2d(x, plane.weight().tensor(), plane.bias().tensor(),
                                {.stride = {1, 2}, .padding = {2, 1}, .dilation = {2, 1}, .groups = 2}));
  Conv1d line = make<Conv1d>(
      Conv1dOptions{.in = 2, .out = 3, .kernel = 3, .stride = 2, .padding = 1, .dilation = 2, .bias = false});
  EXPECT_EQ(line.weight().shape(), Shape({3, 2, 3}));
  EXPECT_FALSE(line.bias().defined());
  const Tensor signal = uniform({2, 2, 9}, 2);
  expect_equal(line(signal), conv1d(signal, line.weight().tensor(), {}, {.stride = 2, .padding = 1, .dilation = 2}));
}

TEST(ConvLayers, StartUniformWithinTheRootOfTheInputsOfAnOutput) {
  const Conv2d layer = make<Conv2d>(Conv2dOptions{.in = 8, .out = 400, .kernel = 5, .groups = 2});
  for (const Parameter& p : layer.parameters()) {
    const Tensor value = p.dense();
    const auto [low, high] = std::ranges::minmax(value.span<float>());
    EXPECT_GE(low, -0.1F);
    EXPECT_LT(low, -0.098F);
    EXPECT_LE(high, 0.1F);
    EXPECT_GT(high, 0.098F);
  }
}

TEST(ConvLayers, CreatedInCsrAreTheDenseOnesMasked) {
  const auto compare = [](const auto& sparse, const auto& dense, int64_t nnz) {
    EXPECT_TRUE(sparse.weight().is_csr());
    EXPECT_EQ(sparse.weight().nnz(), nnz);
    const Tensor mask = sparse.weight().mask();
    const Tensor values = sparse.weight().dense(), all = dense.weight().dense();
    for (int64_t i = 0; i < mask.numel(); ++i) {
      EXPECT_EQ(values.data<float>()[i], mask.data<bool>()[i] ? all.data<float>()[i] : 0);
    }
    expect_equal(sparse.bias().dense(), dense.bias().dense());
  };
  Conv2dOptions plane{.in = 3, .out = 5, .kernel = 3};
  Conv1dOptions line{.in = 3, .out = 5, .kernel = 4};
  const Conv2d dense_plane = make<Conv2d>(plane);
  const Conv1d dense_line = make<Conv1d>(line);
  plane.sparsity = line.sparsity = 0.8;
  // In float32 (1 - 0.8) * 135 is below 27.
  compare(make<Conv2d>(plane), dense_plane, 26);
  compare(make<Conv1d>(line), dense_line, 11);
}

TEST(ConvLayers, TrainAtTheNonzerosAsTheirMaskedDenseTwin) {
  Conv1d line = make<Conv1d>(Conv1dOptions{.in = 8, .out = 12, .kernel = 3, .padding = 1, .sparsity = 0.8});
  const Tensor x = uniform({3, 8, 20}, 1);
  const Tensor twin = line.weight().dense().set_requires_grad();
  const Tensor y = line(x);
  const Tensor expected = conv1d(x, twin, line.bias().dense(), {.padding = 1});
  expect_close(y.detach(), expected.detach());
  const Tensor dy = uniform(y.shape(), 2);
  y.backward(dy);
  expected.backward(dy);
  expect_close(line.weight().grad(), line.weight().pattern()->gather(twin.grad().alias({12, 24})));
}

TEST(ConvLayers, RefuseWhatIsNoConvolution) {
  const Conv2dOptions good{.in = 4, .out = 6, .kernel = 3};
  const auto refuses = [&](auto change) {
    Conv2dOptions options = good;
    change(options);
    Generator rng(1);
    const Generator before = rng;
    EXPECT_THROW(Conv2d(options, rng), ConfigError);
    EXPECT_EQ(rng.next_key(), Generator(before).next_key());
  };
  refuses([](Conv2dOptions& o) { o.in = 0; });
  refuses([](Conv2dOptions& o) { o.out = -1; });
  refuses([](Conv2dOptions& o) { o.kernel = {3, 0}; });
  refuses([](Conv2dOptions& o) { o.stride = {0, 1}; });
  refuses([](Conv2dOptions& o) { o.padding = -1; });
  refuses([](Conv2dOptions& o) { o.dilation = 0; });
  refuses([](Conv2dOptions& o) { o.groups = 4; });
  refuses([](Conv2dOptions& o) { o.sparsity = 1; });
  Generator rng(1);
  EXPECT_THROW(Conv1d({.in = 1, .out = 1, .kernel = 0}, rng), ConfigError);
  EXPECT_THROW(Conv1d({.in = 1, .out = 1, .kernel = 1, .dtype = DType::i64}, rng), DTypeError);
  Conv2d layer(good, rng);
  EXPECT_THROW((void)layer(uniform({2, 3, 5, 5}, 1)), ShapeError);
}

}  // namespace
}  // namespace gossamer::nn::test_conv
