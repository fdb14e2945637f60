// Attention against its definition with whole matrices, at sizes of several blocks.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "gossamer/ops.h"
#include "tests/support/tensors.h"

namespace gossamer::test_attention {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

// softmax(scale q kᵀ + mask) v with one head of k and v for each of q.
Tensor by_definition(const Tensor& q, const Tensor& k, const Tensor& v, double scale, const Tensor& mask) {
  Tensor scores = mul_scalar(matmul(q, k, {.transpose_b = true}), scale);
  if (mask.defined()) scores = add(scores, mask);
  return matmul(softmax(scores), v);
}

void expect_near(const Tensor& a, const Tensor& b, double tolerance) {
  ASSERT_EQ(a.shape(), b.shape());
  const Tensor difference = max(abs(sub(a.to(DType::f64), b.to(DType::f64))));
  EXPECT_LE(difference.item<double>(), tolerance);
}

// 0 where query i of t sees key j of s, else -inf.
Tensor causal_mask(int64_t t, int64_t s, int64_t first_query) {
  std::vector<double> mask;
  for (int64_t i = 0; i < t; ++i) {
    for (int64_t j = 0; j < s; ++j) mask.push_back(j <= i + first_query ? 0 : kNever);
  }
  return Tensor::from(mask, {t, s});
}

struct Case {
  int64_t t;
  int64_t s;
  bool causal;
  int64_t first_query;
};

// Scores grow along the keys, so that later blocks shrink what the earlier ones gave.
TEST(Attention, FollowsItsDefinitionOverSeveralBlocks) {
  for (const Case& c : {Case{65, 700, false, 0}, Case{300, 300, true, 0}, Case{70, 600, true, 530}}) {
    const Tensor q = uniform({2, 2, c.t, 8}, 1, DType::f64, 0.5, 3);
    Tensor k = uniform({2, 2, c.s, 8}, 2, DType::f64, 0, 1);
    double* const keys = k.mutable_data<double>();
    for (int64_t i = 0; i < k.numel(); ++i) keys[i] *= 1 + static_cast<double>(i / 8 % c.s) / 100;
    const Tensor v = uniform({2, 2, c.s, 5}, 3);
    const Tensor dy = uniform({2, 2, c.t, 5}, 4);
    const Tensor mask = c.causal ? causal_mask(c.t, c.s, c.first_query) : Tensor();
    std::vector<Tensor> expected;
    std::vector<Tensor> given;
    for (std::vector<Tensor>* results : {&expected, &given}) {
      std::vector<Tensor> in;
      for (const Tensor& x : {q, k, v}) in.push_back(x.clone().set_requires_grad());
      const Tensor y = results == &expected
                           ? by_definition(in[0], in[1], in[2], 0.4, mask)
                           : scaled_dot_product_attention(
                                 in[0], in[1], in[2], {.causal = c.causal, .first_query = c.first_query, .scale = 0.4});
      y.backward(dy);
      *results = {y, in[0].grad(), in[1].grad(), in[2].grad()};
    }
    for (size_t i = 0; i < given.size(); ++i) expect_near(given[i], expected[i], 1e-11);
  }
}

TEST(Attention, OfQueriesBehindAllKeysSeesEachKey) {
  const Tensor q = uniform({1, 3, 4}, 1);
  const Tensor k = uniform({1, 5, 4}, 2);
  const Tensor v = uniform({1, 5, 2}, 3);
  const Tensor all = scaled_dot_product_attention(q, k, v);
  for (const int64_t first : {int64_t{4}, std::numeric_limits<int64_t>::max()}) {
    expect_near(scaled_dot_product_attention(q, k, v, {.causal = true, .first_query = first}), all, 0);
  }
}

TEST(Attention, OfFloatsIsAsGoodAsItsDefinition) {
  const Tensor q = uniform({1, 3, 200, 64}, 1, DType::f32, -2, 2);
  const Tensor k = uniform({1, 3, 600, 64}, 2, DType::f32, -2, 2);
  const Tensor v = uniform({1, 3, 600, 64}, 3, DType::f32);
  const Tensor exact = by_definition(q.to(DType::f64), k.to(DType::f64), v.to(DType::f64), 0.125, {});
  expect_near(scaled_dot_product_attention(q, k, v), exact, 2e-6);
}

TEST(Attention, TakesHeadsSideBySideAsInTheirOwnDimension) {
  const Tensor q = uniform({2, 90, 4 * 6}, 1);
  const Tensor k = uniform({2, 110, 2 * 6}, 2);
  const Tensor v = uniform({2, 110, 2 * 3}, 3);
  const auto split = [](const Tensor& x, int64_t heads) {
    return transpose(reshape(x, Shape({x.dim(0), x.dim(1), heads, x.dim(2) / heads})), 1, 2);
  };
  const Tensor merged = scaled_dot_product_attention(q, k, v, {.heads = 4, .kv_heads = 2});
  const Tensor apart = scaled_dot_product_attention(split(q, 4), split(k, 2), split(v, 2));
  EXPECT_EQ(to_vector<double>(merged), to_vector<double>(reshape(transpose(apart, 1, 2), {2, 90, 4 * 3})));
}

TEST(Attention, SharesAHeadOfKeysAmongConsecutiveHeadsOfQueries) {
  const Tensor q = uniform({1, 4, 5, 3}, 1);
  const Tensor k = uniform({1, 2, 6, 3}, 2);
  const Tensor v = uniform({1, 2, 6, 3}, 3);
  const Tensor y = scaled_dot_product_attention(q, k, v);
  for (const int64_t head : {0, 1, 2, 3}) {
    const auto one = [](const Tensor& x, int64_t i) { return slice(x, {.dim = 1, .begin = i, .end = i + 1}); };
    expect_near(one(y, head), scaled_dot_product_attention(one(q, head), one(k, head / 2), one(v, head / 2)), 1e-15);
  }
}

TEST(Attention, GivesZeroWhereAQuerySeesNoKey) {
  const Tensor x = uniform({1, 1, 3, 2}, 1, DType::f32);
  const Tensor mask = Tensor::from<int64_t>({1, 0, 1}, {3, 1}).to(DType::boolean);
  for (const Tensor& m : {mask, Tensor::from<float>({0, -std::numeric_limits<float>::infinity(), 0}, {3, 1})}) {
    const std::vector<float> y = to_vector<float>(scaled_dot_product_attention(x, x, x, {.mask = m}));
    EXPECT_EQ(y[2], 0);
    EXPECT_EQ(y[3], 0);
    EXPECT_NE(y[0], 0);
  }
  EXPECT_EQ(to_vector<float>(scaled_dot_product_attention(x, Tensor::zeros({1, 1, 0, 2}), Tensor::zeros({1, 1, 0, 4}))),
            std::vector<float>(12, 0));
}

TEST(Attention, LetsANotANumberThrough) {
  Tensor q = uniform({1, 1, 2, 2}, 1, DType::f32);
  q.mutable_data<float>()[0] = std::nanf("");
  const Tensor k = uniform({1, 1, 3, 2}, 2, DType::f32);
  const std::vector<float> y = to_vector<float>(scaled_dot_product_attention(q, k, k));
  EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]) && !std::isnan(y[2]));
}

// Row p of a pair (a, b) is (a + i b) exp(i p base^(-2i/d)).
TEST(RotaryEmbedding, TurnsPairsByTheirPosition) {
  const Tensor x = Tensor::from<double>({1, 0, 0, 2, 1, 0, 0, 2}, {2, 4});
  const double slow = std::pow(100, -0.5);
  const std::vector<double> halves = to_vector<double>(rotary_embedding(x, {.first_position = 3, .base = 100}));
  const std::vector<double> neighbours =
      to_vector<double>(rotary_embedding(x, {.first_position = 3, .base = 100, .interleaved = true}));
  for (const int p : {0, 1}) {
    const auto at = static_cast<size_t>(4 * p);
    const double fast = 3 + p;
    EXPECT_NEAR(halves[at], std::cos(fast), 1e-15);                      // of (1, 0)
    EXPECT_NEAR(halves[at + 2], std::sin(fast), 1e-15);                  //
    EXPECT_NEAR(halves[at + 1], -2 * std::sin(fast * slow), 1e-15);      // of (0, 2)
    EXPECT_NEAR(halves[at + 3], 2 * std::cos(fast * slow), 1e-15);       //
    EXPECT_NEAR(neighbours[at], std::cos(fast), 1e-15);                  // of (1, 0)
    EXPECT_NEAR(neighbours[at + 1], std::sin(fast), 1e-15);              //
    EXPECT_NEAR(neighbours[at + 2], -2 * std::sin(fast * slow), 1e-15);  // of (0, 2)
  }
}

// What attention needs: the product of two turned rows follows from their distance alone.
TEST(RotaryEmbedding, KeepsProductsOfEquallyDistantRows) {
  const Tensor q = uniform({1, 8}, 1);
  const Tensor k = uniform({1, 8}, 2);
  const auto product = [&](int64_t at_q, int64_t at_k) {
    return sum(mul(rotary_embedding(q, {.first_position = at_q}), rotary_embedding(k, {.first_position = at_k})))
        .item<double>();
  };
  EXPECT_NEAR(product(5, 2), product(103, 100), 1e-12);
  EXPECT_GT(std::abs(product(5, 2) - product(5, 3)), 1e-3);
}

}  // namespace
}  // namespace gossamer::test_attention
