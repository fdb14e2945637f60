// What layers refuse: options out of range, and inputs that do not fit.
#include <cmath>

#include "gossamer/nn/activation.h"
#include "gossamer/nn/attention.h"
#include "gossamer/nn/batch_norm.h"
#include "gossamer/nn/conv.h"
#include "gossamer/nn/dropout.h"
#include "gossamer/nn/embedding.h"
#include "gossamer/nn/flatten.h"
#include "gossamer/nn/normalization.h"
#include "gossamer/nn/pooling.h"
#include "gossamer/nn/transformer.h"
#include "tests/nn/support.h"
#include "tests/support/bad_input.h"

namespace gossamer::nn::test_bad_input {
namespace {

Tensor f32(const Shape& shape) { return Tensor::ones(shape); }
Tensor f64(const Shape& shape) { return Tensor::ones(shape, DType::f64); }
Tensor i64(const Shape& shape) { return Tensor::ones(shape, DType::i64); }

template <class L, class Options>
auto made(const Options& options) {
  return [options] {
    Generator rng(1);
    if constexpr (std::is_constructible_v<L, Options, Generator&>) {
      L layer(options, rng);
    } else {
      L layer(options);
    }
  };
}

template <class L, class Options>
auto given(const Options& options, const Tensor& x) {
  return [options, x] {
    Generator rng(1);
    if constexpr (std::is_constructible_v<L, Options, Generator&>) {
      L layer(options, rng);
      layer.forward(x);
    } else {
      L layer(options);
      layer.forward(x);
    }
  };
}

std::vector<BadInput> bad_inputs() {
  using enum Thrown;
  const double nan = std::nan("");
  const LinearOptions linear{.in = 3, .out = 2};
  const EmbeddingOptions table{.num_embeddings = 1, .embedding_dim = 2};
  const LayerNormOptions layer_norm{.normalized_shape = {3}};
  const RMSNormOptions rms_norm{.normalized_shape = {3}};
  const GroupNormOptions group_norm{.groups = 2, .channels = 4};
  const BatchNormNdOptions channels{.channels = 3};
  const MultiheadAttentionOptions attention{.dim = 4, .heads = 2};
  const TransformerBlockOptions block{.dim = 4, .heads = 2};
  return {
      {"Linear", "no_inputs", Config, made<Linear>(LinearOptions{.in = 0, .out = 2})},
      {"Linear", "sparsity", Config, made<Linear>(LinearOptions{.in = 1, .out = 2, .sparsity = 1})},
      {"Linear", "nan", Config, made<Linear>(LinearOptions{.in = 1, .out = 2, .sparsity = nan})},
      {"Linear", "dtype", DType, made<Linear>(LinearOptions{.in = 1, .out = 2, .dtype = DType::i64})},
      {"linear", "features", Shape, given<Linear>(linear, f32({2, 4}))},
      {"linear", "scalar", Shape, given<Linear>(linear, f32({}))},
      {"linear", "dtype", DType, given<Linear>(linear, f64({2, 3}))},
      {"linear", "undefined", State, given<Linear>(linear, Tensor())},
      {"Conv1d", "kernel", Config, made<Conv1d>(Conv1dOptions{.in = 1, .out = 1})},
      {"Conv2d", "groups", Config, made<Conv2d>(Conv2dOptions{.in = 3, .out = 2, .kernel = 1, .groups = 2})},
      {"Conv2d", "dtype", DType,
       made<Conv2d>(Conv2dOptions{.in = 1, .out = 1, .kernel = 1, .dtype = gossamer::DType::i64})},
      {"Conv1d", "sparsity", Config, made<Conv1d>(Conv1dOptions{.in = 1, .out = 1, .kernel = 1, .sparsity = 1})},
      {"Conv2d", "too_large", Config,
       made<Conv2d>(Conv2dOptions{.in = int64_t{1} << 40, .out = int64_t{1} << 40, .kernel = 1})},
      {"Conv2d", "kernel_too_large", Config,
       made<Conv2d>(Conv2dOptions{.in = 1, .out = 1, .kernel = int64_t{1} << 40})},
      {"conv1d", "channels", Shape, given<Conv1d>(Conv1dOptions{.in = 2, .out = 1, .kernel = 1}, f32({1, 3, 4}))},
      {"conv2d", "window", Shape, given<Conv2d>(Conv2dOptions{.in = 1, .out = 1, .kernel = 3}, f32({1, 1, 2, 2}))},
      {"Embedding", "no_rows", Config, made<Embedding>(EmbeddingOptions{.embedding_dim = 2})},
      {"Embedding", "padding", Index,
       made<Embedding>(EmbeddingOptions{.num_embeddings = 1, .embedding_dim = 2, .padding_idx = 1})},
      {"embedding", "index", Index, given<Embedding>(table, i64({2}))},
      {"embedding", "floats", DType, given<Embedding>(table, f32({2}))},
      {"embedding", "undefined", State, given<Embedding>(table, Tensor())},
      {"Dropout", "p", Config, made<Dropout>(DropoutOptions{.p = 1})},
      {"Dropout", "nan", Config, made<Dropout>(DropoutOptions{.p = nan})},
      {"dropout", "undefined", State, given<Dropout>(DropoutOptions{}, Tensor())},
      {"softmax", "axis", Shape, given<Softmax>(SoftmaxOptions{.dim = 2}, f32({2, 2}))},
      {"softplus", "beta", Config, given<Softplus>(SoftplusOptions{.beta = 0}, f32({2}))},
      {"leaky_relu", "nan", Config, given<LeakyReLU>(LeakyReluOptions{.negative_slope = nan}, f32({2}))},
      {"flatten", "axis", Shape, given<Flatten>(FlattenOptions{.start_dim = 2}, f32({2, 2}))},
      {"LayerNorm", "shape", Config, made<LayerNorm>(LayerNormOptions{})},
      {"LayerNorm", "eps", Config, made<LayerNorm>(LayerNormOptions{.normalized_shape = {3}, .eps = -1})},
      {"layer_norm", "features", Shape, given<LayerNorm>(layer_norm, f32({2, 4}))},
      {"layer_norm", "dtype", DType, given<LayerNorm>(layer_norm, f64({2, 3}))},
      {"layer_norm", "undefined", State, given<LayerNorm>(layer_norm, Tensor())},
      {"RMSNorm", "shape", Config, made<RMSNorm>(RMSNormOptions{})},
      {"rms_norm", "features", Shape, given<RMSNorm>(rms_norm, f32({3, 2}))},
      {"GroupNorm", "groups", Config, made<GroupNorm>(GroupNormOptions{.groups = 3, .channels = 4})},
      {"GroupNorm", "input", Shape, given<GroupNorm>(group_norm, f32({2, 6}))},
      {"BatchNorm1d", "channels", Config, made<BatchNorm1d>(BatchNormNdOptions{})},
      {"BatchNorm1d", "momentum", Config, made<BatchNorm1d>(BatchNormNdOptions{.channels = 1, .momentum = 2})},
      {"BatchNorm1d", "rank", Shape, given<BatchNorm1d>(channels, f32({2, 3, 4, 4}))},
      {"BatchNorm2d", "rank", Shape, given<BatchNorm2d>(channels, f32({2, 3}))},
      {"max_pool2d", "kernel", Config, given<MaxPool2d>(MaxPool2dOptions{.kernel = 0}, f32({1, 4, 4}))},
      {"max_pool2d", "rank", Shape, given<MaxPool2d>(MaxPool2dOptions{.kernel = 2}, f32({4, 4}))},
      {"avg_pool2d", "padding", Config, given<AvgPool2d>(AvgPool2dOptions{.kernel = 2, .padding = 2}, f32({1, 4, 4}))},
      {"avg_pool2d", "window", Shape, given<AvgPool2d>(AvgPool2dOptions{.kernel = 5}, f32({1, 4, 4}))},
      {"adaptive_avg_pool2d", "rank", Shape, given<AdaptiveAvgPool2d>(AdaptivePool2dOptions{.size = 1}, f32({4, 4}))},
      {"adaptive_max_pool2d", "rank", Shape, given<AdaptiveMaxPool2d>(AdaptivePool2dOptions{.size = 1}, f32({4, 4}))},
      {"MultiheadAttention", "heads", Config,
       made<MultiheadAttention>(MultiheadAttentionOptions{.dim = 4, .heads = 3})},
      {"MultiheadAttention", "kv_heads", Config,
       made<MultiheadAttention>(MultiheadAttentionOptions{.dim = 6, .heads = 3, .kv_heads = 2})},
      {"MultiheadAttention", "odd_rotary", Config,
       made<MultiheadAttention>(MultiheadAttentionOptions{.dim = 3, .heads = 1, .rotary = RotaryOptions{}})},
      {"MultiheadAttention", "rank", Shape, given<MultiheadAttention>(attention, f32({2, 4}))},
      {"linear", "attention_features", Shape, given<MultiheadAttention>(attention, f32({1, 2, 5}))},
      {"LayerNorm", "block_dim", Config, made<TransformerBlock>(TransformerBlockOptions{})},
      {"FeedForward", "hidden", Config, made<TransformerBlock>(TransformerBlockOptions{.dim = 4, .hidden = -1})},
      {"layer_norm", "block_features", Shape, given<TransformerBlock>(block, f32({1, 2, 5}))},
  };
}

class RefusedLayer : public testing::TestWithParam<BadInput> {};

TEST_P(RefusedLayer, WithATypedErrorThatSaysWhatMustHold) { expect_refused(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Layers, RefusedLayer, testing::ValuesIn(bad_inputs()), name_of_bad_input);

}  // namespace
}  // namespace gossamer::nn::test_bad_input
