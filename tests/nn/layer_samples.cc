#include "tests/nn/layer_samples.h"

#include <cstdint>
#include <utility>

#include "gossamer/csr_pattern.h"
#include "gossamer/nn/activation.h"
#include "gossamer/nn/attention.h"
#include "gossamer/nn/batch_norm.h"
#include "gossamer/nn/container.h"
#include "gossamer/nn/conv.h"
#include "gossamer/nn/dropout.h"
#include "gossamer/nn/embedding.h"
#include "gossamer/nn/flatten.h"
#include "gossamer/nn/linear.h"
#include "gossamer/nn/normalization.h"
#include "gossamer/nn/pooling.h"
#include "gossamer/nn/transformer.h"
#include "tests/nn/support.h"

namespace gossamer::nn {

namespace {

template <class M>
SampledLayer owned(M module) {
  return {std::make_unique<M>(std::move(module)), [](Module& from) -> std::unique_ptr<Module> {
            return std::make_unique<M>(std::move(dynamic_cast<M&>(from)));
          }};
}

std::function<Tensor(DType)> floats(const Shape& shape) {
  return [shape](DType dtype) { return uniform(shape, 8, dtype); };
}

}  // namespace

std::vector<LayerSample> layer_samples() {
  const auto tokens = [](DType) { return Tensor::from<int64_t>({2, 0, 2, 4}, {2, 2}); };
  return {
      {"Linear",
       [](DType dtype) {
         Generator rng(3);
         return owned(Linear({.in = 6, .out = 4, .dtype = dtype}, rng));
       },
       floats({2, 6})},
      {"LinearWithoutBias",
       [](DType dtype) {
         Generator rng(3);
         return owned(Linear({.in = 6, .out = 4, .bias = false, .dtype = dtype}, rng));
       },
       floats({2, 1, 6})},
      {"LinearCsr",
       [](DType dtype) {
         Generator rng(3);
         return owned(Linear({.in = 6, .out = 4, .sparsity = 0.7, .dtype = dtype}, rng));
       },
       floats({2, 6})},
      {"LinearOfParameters",
       [](DType dtype) {
         return owned(Linear(Parameter(uniform({4, 6}, 3, dtype)), Parameter(uniform({4}, 4, dtype))));
       },
       floats({2, 6})},
      {"LinearWithoutConnections",
       [](DType dtype) {
         return owned(Linear(Parameter::csr({4, 6}, CsrPattern::from_positions(4, 6, {}), Tensor::empty({0}, dtype))));
       },
       floats({2, 6})},
      {"Conv1d",
       [](DType dtype) {
         Generator rng(3);
         return owned(Conv1d({.in = 2, .out = 4, .kernel = 2, .groups = 2, .dtype = dtype}, rng));
       },
       floats({2, 2, 6})},
      {"Conv2d",
       [](DType dtype) {
         Generator rng(3);
         return owned(Conv2d({.in = 2, .out = 3, .kernel = {2, 3}, .stride = 2, .padding = 1, .dtype = dtype}, rng));
       },
       floats({2, 2, 3, 6})},
      {"Conv2dCsr",
       [](DType dtype) {
         Generator rng(3);
         return owned(
             Conv2d({.in = 2, .out = 3, .kernel = {1, 3}, .padding = {0, 1}, .sparsity = 0.5, .dtype = dtype}, rng));
       },
       floats({2, 1, 6})},
      {"Identity", [](DType) { return owned(Identity()); }, floats({2, 6})},
      {"ReLU", [](DType) { return owned(ReLU()); }, floats({2, 6})},
      {"Tanh", [](DType) { return owned(Tanh()); }, floats({2, 6})},
      {"Sigmoid", [](DType) { return owned(Sigmoid()); }, floats({2, 6})},
      {"SiLU", [](DType) { return owned(SiLU()); }, floats({2, 6})},
      {"GELU", [](DType) { return owned(GELU({.approximate = GeluApproximation::Tanh})); }, floats({2, 6})},
      {"LeakyReLU", [](DType) { return owned(LeakyReLU({.negative_slope = 0.3})); }, floats({2, 6})},
      {"Softplus", [](DType) { return owned(Softplus({.beta = 2})); }, floats({2, 6})},
      {"Softmax", [](DType) { return owned(Softmax({.dim = 0})); }, floats({2, 6})},
      {"Flatten", [](DType) { return owned(Flatten({.start_dim = 0, .end_dim = 1})); }, floats({2, 3, 1})},
      {"LayerNorm",
       [](DType dtype) {
         return owned(LayerNorm({.normalized_shape = {6}, .eps = 0.1, .bias = false, .dtype = dtype}));
       },
       floats({2, 6})},
      {"RMSNorm",
       [](DType dtype) {
         return owned(RMSNorm({.normalized_shape = {2, 6}, .eps = 0.1, .dtype = dtype}));
       },
       floats({3, 2, 6})},
      {"GroupNorm",
       [](DType dtype) { return owned(GroupNorm({.groups = 3, .channels = 6, .eps = 0.1, .dtype = dtype})); },
       floats({2, 6})},
      {"BatchNorm1d",
       [](DType dtype) { return owned(BatchNorm1d({.channels = 6, .eps = 0.1, .momentum = {}, .dtype = dtype})); },
       floats({3, 6})},
      {"BatchNorm2d", [](DType dtype) { return owned(BatchNorm2d({.channels = 3, .momentum = 0.3, .dtype = dtype})); },
       floats({2, 3, 2, 1})},
      {"BatchNorm2dWithoutWeight",
       [](DType dtype) { return owned(BatchNorm2d({.channels = 3, .affine = false, .dtype = dtype})); },
       floats({2, 3, 4, 4})},
      {"MaxPool2d", [](DType) { return owned(MaxPool2d({.kernel = 3, .stride = 2, .padding = 1})); },
       floats({2, 3, 7, 6})},
      {"AvgPool2d", [](DType) { return owned(AvgPool2d({.kernel = 3, .padding = 1, .count_include_pad = false})); },
       floats({2, 3, 7, 6})},
      {"AdaptiveAvgPool2d",
       [](DType) {
         return owned(AdaptiveAvgPool2d({.size = {2, 3}}));
       },
       floats({2, 3, 7, 6})},
      {"AdaptiveMaxPool2d",
       [](DType) {
         return owned(AdaptiveMaxPool2d({.size = {3, 2}}));
       },
       floats({2, 3, 7, 6})},
      {"MultiheadAttention",
       [](DType dtype) {
         Generator rng(3);
         return owned(MultiheadAttention(
             {.dim = 6, .heads = 3, .causal = true, .rotary = RotaryOptions{}, .sparsity = 0.5, .dtype = dtype}, rng));
       },
       floats({2, 3, 6})},
      {"FeedForward",
       [](DType dtype) {
         Generator rng(3);
         return owned(FeedForward({.dim = 6, .hidden = 5, .dtype = dtype}, rng));
       },
       floats({2, 6})},
      {"TransformerBlock",
       [](DType dtype) {
         Generator rng(3);
         return owned(TransformerBlock({.dim = 4, .heads = 2, .kv_heads = 1, .hidden = 5, .dtype = dtype}, rng));
       },
       floats({1, 2, 4})},
      {"TransformerBlockCsr",
       [](DType dtype) {
         Generator rng(3);
         return owned(TransformerBlock({.dim = 4,
                                        .heads = 2,
                                        .causal = true,
                                        .norm = TransformerNorm::RMSNorm,
                                        .activation = FeedForwardActivation::SiLU,
                                        .bias = false,
                                        .sparsity = 0.5,
                                        .dtype = dtype},
                                       rng));
       },
       floats({2, 3, 4})},
      {"Sequential",
       [](DType dtype) {
         Generator rng(3);
         return owned(
             Sequential(named("fc", Linear({.in = 6, .out = 3, .sparsity = 0.5, .dtype = dtype}, rng)), Tanh()));
       },
       floats({2, 6})},
      {"Embedding",
       [](DType dtype) {
         Generator rng(3);
         return owned(Embedding({.num_embeddings = 5, .embedding_dim = 3, .dtype = dtype}, rng));
       },
       tokens},
      {"EmbeddingCsr",
       [](DType dtype) {
         Generator rng(3);
         return owned(Embedding(
             {.num_embeddings = 5, .embedding_dim = 3, .padding_idx = 3, .sparsity = 0.4, .dtype = dtype}, rng));
       },
       tokens},
      {"Dropout",
       [](DType) {
         Generator rng(3);
         return owned(Dropout({.p = 0.25}, rng));
       },
       floats({2, 6}), true},
  };
}

}  // namespace gossamer::nn
