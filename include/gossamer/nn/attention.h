// Multi-head attention, and the cache of keys and values with which it generates.
#pragma once

#include <cstdint>
#include <optional>

#include "gossamer/nn/cloneable.h"
#include "gossamer/nn/linear.h"
#include "gossamer/ops/attention.h"
#include "gossamer/random.h"

#pragma GCC visibility push(default)
namespace gossamer::nn {

// Keys and values of the positions seen so far: [n, capacity, kv_heads * size of a head], of which the first `length`
// rows count. Made by MultiheadAttention::make_cache(); to begin anew, set length to 0.
struct KeyValueCache {
  Tensor keys;
  Tensor values;
  int64_t length = 0;
};

struct MultiheadAttentionOptions {
  int64_t dim = 0;       // features of input and output; a multiple of heads
  int64_t heads = 1;     // at least 1
  int64_t kv_heads = 0;  // of keys and values, a divisor of heads; 0: heads
  bool bias = true;      // of the four projections
  bool causal = false;   // a position sees itself and those before it
  // Turns queries and keys by their positions (ops/attention.h); heads and first_position are set here.
  std::optional<RotaryOptions> rotary = std::nullopt;
  double sparsity = 0;  // of the four weights, as in LinearOptions
  DType dtype = DType::f32;
};

// Attention of Vaswani et al. 2017 (https://arxiv.org/abs/1706.03762) on x [n, t, dim] -> [n, t, dim]. Projections are
// layers of their own, named as published sparsity filters expect: proj_q_dense_layer, proj_k_dense_layer,
// proj_v_dense_layer and proj_output_dense_layer, each with weight and bias.
class MultiheadAttention final : public Cloneable<MultiheadAttention> {
 public:
  // Throws ConfigError unless heads divides dim and kv_heads divides heads, with an even size of a head for rotary.
  MultiheadAttention(const MultiheadAttentionOptions& options, Generator& rng);
  const MultiheadAttentionOptions& options() const { return options_; }

  // Self-attention. Throws ShapeError unless x is [n, t, dim].
  Tensor forward(const Tensor& x) override;
  // Queries of x [n, t, dim] on keys and values of memory [n, s, dim], with a mask as in AttentionOptions. `causal`
  // counts for this too.
  Tensor attend(const Tensor& x, const Tensor& memory, const Tensor& mask = {});

  // An empty cache for n sequences of at most `capacity` positions. Throws ConfigError where either is below 1.
  KeyValueCache make_cache(int64_t n, int64_t capacity) const;
  // Self-attention of positions cache.length, cache.length + 1, ... on themselves and those before, which causal
  // attention of the whole sequence gives for them as well; afterwards they are in the cache. For NoGrad alone
  // (StateError), and with causal (StateError). Throws ShapeError where the cache is of another size or full.
  Tensor forward(const Tensor& x, KeyValueCache& cache);

 private:
  Tensor turned(const Tensor& x, int64_t heads, int64_t first_position) const;

  MultiheadAttentionOptions options_;
  Linear proj_q_;
  Linear proj_k_;
  Linear proj_v_;
  Linear proj_output_;
};

}  // namespace gossamer::nn
#pragma GCC visibility pop
