// MultiheadAttention: its projections, positions and cache.
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/nn/attention.h"
#include "gossamer/ops.h"
#include "gossamer/sparse/static.h"
#include "tests/nn/support.h"
#include "tests/support/errors.h"

namespace gossamer::nn::test_attention {
namespace {

void expect_near(const Tensor& a, const Tensor& b, double tolerance) {
  ASSERT_EQ(a.shape(), b.shape());
  for (int64_t i = 0; i < a.numel(); ++i) EXPECT_NEAR(a.data<double>()[i], b.data<double>()[i], tolerance) << i;
}

const MultiheadAttentionOptions kGrouped{
    .dim = 12, .heads = 6, .kv_heads = 2, .causal = true, .rotary = RotaryOptions{}, .dtype = DType::f64};

TEST(MultiheadAttention, IsAttentionBetweenItsProjections) {
  Generator rng(1);
  MultiheadAttention layer({.dim = 12, .heads = 3, .dtype = DType::f64}, rng);
  const Tensor x = uniform({2, 5, 12}, 1, DType::f64);
  const Tensor memory = uniform({2, 4, 12}, 2, DType::f64);
  const std::vector<Parameter> p = layer.parameters();
  const auto project = [&](const Tensor& in, size_t i) { return linear(in, p[i].tensor(), p[i + 1].tensor()); };
  const auto heads = [](const Tensor& in) { return transpose(reshape(in, {2, -1, 3, 4}), 1, 2); };
  const Tensor scores = mul_scalar(matmul(heads(project(x, 0)), heads(project(memory, 2)), {.transpose_b = true}), 0.5);
  const Tensor y = transpose(matmul(softmax(scores), heads(project(memory, 4))), 1, 2);
  expect_near(layer.attend(x, memory), project(reshape(y, {2, 5, 12}), 6), 1e-14);
}

TEST(MultiheadAttention, NamesItsProjectionsAsPublishedFiltersExpect) {
  Generator rng(1);
  MultiheadAttention layer({.dim = 4, .heads = 2, .bias = false}, rng);
  EXPECT_EQ(names_of(layer.named_parameters()),
            (std::vector<std::string>{"proj_q_dense_layer.weight", "proj_k_dense_layer.weight",
                                      "proj_v_dense_layer.weight", "proj_output_dense_layer.weight"}));
}

TEST(MultiheadAttention, GivesPositionByPositionWhatTheWholeSequenceGives) {
  Generator rng(2);
  MultiheadAttention layer(kGrouped, rng);
  const Tensor x = uniform({2, 9, 12}, 3, DType::f64);
  const Tensor whole = layer.forward(x);
  const NoGrad no_grad;
  KeyValueCache cache = layer.make_cache(2, 20);
  int64_t at = 0;
  for (const int64_t t : {4, 1, 1, 3}) {
    const SliceRange range{.dim = 1, .begin = at, .end = at + t};
    expect_near(layer.forward(slice(x, range), cache), slice(whole, range), 1e-14);
    EXPECT_EQ(cache.length, at += t);
  }
}

TEST(MultiheadAttention, OfCsrWeightsEqualsTheMaskedDenseOne) {
  Generator dense_rng(3);
  Generator csr_rng(3);
  MultiheadAttentionOptions options = kGrouped;
  MultiheadAttention dense(options, dense_rng);
  options.sparsity = 0.6;
  MultiheadAttention csr(options, csr_rng);
  dense.load_state_dict(csr.clone()->state_dict(), {.strict = false});
  const Tensor dy = uniform({2, 5, 12}, 6, DType::f64);
  Tensor x = uniform({2, 5, 12}, 5, DType::f64).set_requires_grad();
  csr.forward(x).backward(dy);
  Tensor dense_x = x.clone().set_requires_grad();
  std::vector<Parameter> weights = dense.parameters();
  dense.forward(dense_x).backward(dy);
  expect_near(x.grad(), dense_x.grad(), 1e-14);
  for (size_t i = 0; i < weights.size(); ++i) {
    const Parameter sparse = csr.parameters()[i];
    EXPECT_EQ(sparse.is_csr(), i % 2 == 0);
    expect_near(sparse.dense(), weights[i].dense(), 0);
  }
}

TEST(MultiheadAttention, RefusesWhatItCannotBeMadeOf) {
  Generator rng(1);
  message_of<ConfigError>([&] { MultiheadAttention({.dim = 10, .heads = 3}, rng); });
  message_of<ConfigError>([&] { MultiheadAttention({.dim = 0}, rng); });
  message_of<ConfigError>([&] { MultiheadAttention({.dim = 12, .heads = 6, .kv_heads = 4}, rng); });
  message_of<ConfigError>([&] { MultiheadAttention({.dim = 9, .heads = 3, .rotary = RotaryOptions{}}, rng); });
}

TEST(MultiheadAttention, RefusesInputsThatDoNotFit) {
  Generator rng(1);
  MultiheadAttention layer(kGrouped, rng);
  const Tensor x = Tensor::zeros({1, 2, 12}, DType::f64);
  message_of<ShapeError>([&] { layer.forward(Tensor::zeros({2, 12}, DType::f64)); });
  message_of<ShapeError>([&] { layer.forward(Tensor::zeros({1, 2, 11}, DType::f64)); });
  message_of<ShapeError>([&] { layer.attend(x, Tensor()); });
  KeyValueCache cache = layer.make_cache(1, 3);
  message_of<StateError>([&] { layer.forward(x, cache); });
  message_of<ConfigError>([&] { layer.make_cache(1, 0); });
  const NoGrad no_grad;
  layer.forward(x, cache);
  message_of<ShapeError>([&] { layer.forward(x, cache); });
  EXPECT_EQ(cache.length, 2);
  KeyValueCache other = layer.make_cache(2, 3);
  message_of<ShapeError>([&] { layer.forward(x, other); });
  MultiheadAttention both_ways({.dim = 12, .heads = 6, .kv_heads = 2, .dtype = DType::f64}, rng);
  KeyValueCache fitting = both_ways.make_cache(1, 3);
  EXPECT_NE(message_of<StateError>([&] { both_ways.forward(x, fitting); }).find("causal"), std::string::npos);
}

}  // namespace
}  // namespace gossamer::nn::test_attention
