// Attention.
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

}  // namespace gossamer::samples
