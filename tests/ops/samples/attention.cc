// Attention.
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "gossamer/ops.h"
#include "tests/ops/samples/sample.h"
#include "tests/support/tensors.h"

namespace gossamer::samples {

std::vector<OpSample> attention() {
  const auto attend = [](AttentionOptions options) {
    return [options](Inputs x) { return scaled_dot_product_attention(x[0], x[1], x[2], options); };
  };
  const auto heads = [](int64_t n, int64_t h, int64_t t, int64_t d, uint64_t key) {
    return uniform({n, h, t, d}, key, DType::f64, -2, 2);
  };
  // A row of the mask hides every key.
  const Tensor mask = Tensor::from<int64_t>({1, 0, 1, 1, 0, 0, 0, 0, 1, 1, 1, 0}, {3, 4}).to(DType::boolean);
  return {
      {"scaled_dot_product_attention",
       "",
       attend({}),
       {heads(2, 2, 3, 4, 1), heads(2, 2, 5, 4, 2), heads(2, 2, 5, 3, 3)}},
      {"scaled_dot_product_attention",
       "causal",
       attend({.causal = true, .scale = 0.3}),
       {heads(1, 2, 4, 3, 1), heads(1, 2, 4, 3, 2), heads(1, 2, 4, 3, 3)},
       {large({2, 4, 150, 32}, 1), large({2, 4, 150, 32}, 2), large({2, 4, 150, 32}, 3)}},
      {"scaled_dot_product_attention",
       "later_queries",
       attend({.causal = true, .first_query = 3}),
       {heads(1, 1, 2, 3, 1), heads(1, 1, 5, 3, 2), heads(1, 1, 5, 3, 3)}},
      {"scaled_dot_product_attention",
       "grouped",
       attend({}),
       {heads(1, 4, 3, 2, 1), heads(1, 2, 3, 2, 2), heads(1, 2, 3, 2, 3)},
       {large({1, 8, 70, 16}, 1), large({1, 2, 300, 16}, 2), large({1, 2, 300, 24}, 3)}},
      {"scaled_dot_product_attention",
       "masked",
       attend({.mask = mask}),
       {heads(2, 1, 3, 2, 1), heads(2, 1, 4, 2, 2), heads(2, 1, 4, 2, 3)}},
      {"scaled_dot_product_attention",
       "biased",
       attend({.mask = uniform({2, 1, 1, 4}, 9)}),
       {heads(2, 2, 3, 2, 1), heads(2, 2, 4, 2, 2), heads(2, 2, 4, 2, 3)}},
      {"scaled_dot_product_attention",
       "merged",
       attend({.causal = true, .heads = 4, .kv_heads = 2}),
       {uniform({2, 3, 8}, 1), uniform({2, 3, 4}, 2), uniform({2, 3, 6}, 3)},
       {large({2, 100, 128}, 1), large({2, 100, 64}, 2), large({2, 100, 64}, 3)}},
      {"scaled_dot_product_attention",
       "first_keys",
       attend({.keys = 2, .heads = 2}),
       {uniform({2, 3, 4}, 1), uniform({2, 5, 4}, 2), uniform({2, 5, 6}, 3)}},
      {"scaled_dot_product_attention",
       "ones",
       attend({}),
       {heads(1, 1, 1, 1, 1), heads(1, 1, 1, 1, 2), heads(1, 1, 1, 1, 3)}},
      {"scaled_dot_product_attention",
       "nothing",
       attend({}),
       {heads(0, 2, 3, 2, 1), heads(0, 2, 3, 2, 2), heads(0, 2, 3, 2, 3)}},
      {"scaled_dot_product_attention",
       "no_keys",
       attend({}),
       {heads(1, 2, 3, 2, 1), heads(1, 2, 0, 2, 2), heads(1, 2, 0, 2, 3)}},
      {"rotary_embedding",
       "",
       [](Inputs x) { return rotary_embedding(x[0]); },
       {uniform({2, 3, 4}, 1)},
       {large({2, 4, 100, 64}, 1)}},
      {"rotary_embedding",
       "of_heads",
       [](Inputs x) {
         return rotary_embedding(x[0], {.first_position = 5, .base = 100, .interleaved = true, .heads = 2});
       },
       {uniform({3, 8}, 1)}},
      {"rotary_embedding", "nothing", [](Inputs x) { return rotary_embedding(x[0]); }, {uniform({2, 0, 4}, 1)}},
  };
}

std::vector<BadInput> bad_attention() {
  using enum Thrown;
  const double nan = std::nan("");
  const std::string kAttention = "scaled_dot_product_attention";
  return {
      {kAttention, "rank", Shape, [] { return scaled_dot_product_attention(f32(2, 3), f32(2, 3), f32(2, 3)); }},
      {kAttention, "sizes", Shape,
       [] { return scaled_dot_product_attention(f32(1, 2, 3), f32(1, 2, 4), f32(1, 2, 3)); }},
      {kAttention, "rows", Shape,
       [] { return scaled_dot_product_attention(f32(1, 2, 3), f32(1, 2, 3), f32(1, 3, 3)); }},
      {kAttention, "leading", Shape,
       [] { return scaled_dot_product_attention(f32(2, 1, 2, 3), f32(1, 1, 2, 3), f32(1, 1, 2, 3)); }},
      {kAttention, "heads", Shape,
       [] { return scaled_dot_product_attention(f32(3, 2, 4), f32(2, 2, 4), f32(2, 2, 4)); }},
      {kAttention, "keys", Shape,
       [] { return scaled_dot_product_attention(f32(1, 2, 3), f32(1, 2, 3), f32(1, 2, 3), {.keys = 3}); }},
      {kAttention, "merged", Shape,
       [] { return scaled_dot_product_attention(f32(2, 4), f32(2, 4), f32(2, 4), {.heads = 3}); }},
      {kAttention, "negative", Config,
       [] { return scaled_dot_product_attention(f32(1, 2, 3), f32(1, 2, 3), f32(1, 2, 3), {.first_query = -1}); }},
      {kAttention, "scale", Config,
       [=] { return scaled_dot_product_attention(f32(1, 2, 3), f32(1, 2, 3), f32(1, 2, 3), {.scale = nan}); }},
      {kAttention, "mask", Shape,
       [] { return scaled_dot_product_attention(f32(1, 2, 3), f32(1, 2, 3), f32(1, 2, 3), {.mask = mask(3, 2)}); }},
      {kAttention, "mask_of_integers", DType,
       [] { return scaled_dot_product_attention(f32(1, 2, 3), f32(1, 2, 3), f32(1, 2, 3), {.mask = i64(2, 2)}); }},
      {kAttention, "mask_with_gradient", State,
       [] {
         return scaled_dot_product_attention(f32(1, 2, 3), f32(1, 2, 3), f32(1, 2, 3),
                                             {.mask = f32(2, 2).set_requires_grad()});
       }},
      {kAttention, "dtypes", DType,
       [] { return scaled_dot_product_attention(f32(1, 2, 3), f64(1, 2, 3), f32(1, 2, 3)); }},
      {"rotary_embedding", "odd", Shape, [] { return rotary_embedding(f32(2, 3)); }},
      {"rotary_embedding", "rank", Shape, [] { return rotary_embedding(f32(4)); }},
      {"rotary_embedding", "heads", Shape, [] { return rotary_embedding(f32(2, 4), {.heads = 3}); }},
      {"rotary_embedding", "too_many_heads", Shape, [] { return rotary_embedding(f32(2, 4), {.heads = INT64_MAX}); }},
      {"rotary_embedding", "position", Config, [] { return rotary_embedding(f32(2, 4), {.first_position = -1}); }},
      {"rotary_embedding", "base", Config, [] { return rotary_embedding(f32(2, 4), {.base = 0}); }},
  };
}

}  // namespace gossamer::samples
