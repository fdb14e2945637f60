// The block that transformers are made of.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "gossamer/nn/attention.h"
#include "gossamer/nn/cloneable.h"
#include "gossamer/nn/dropout.h"
#include "gossamer/nn/linear.h"
#include "gossamer/random.h"

#pragma GCC visibility push(default)
namespace gossamer::nn {

enum class FeedForwardActivation { GELU, ReLU, SiLU };

struct FeedForwardOptions {
  int64_t dim = 0;     // of input and output, at least 1
  int64_t hidden = 0;  // features in between; 0: 4 dim
  FeedForwardActivation activation = FeedForwardActivation::GELU;
  bool bias = true;
  double sparsity = 0;  // of both weights, as in LinearOptions
  DType dtype = DType::f32;
};

// Two linear layers with an activation between: x [..., dim] -> [..., dim]. Called fc1_linear_layer and
// fc2_linear_layer, which published sparsity filters (*linear_layer.weight) match.
class FeedForward final : public Cloneable<FeedForward> {
 public:
  // Throws ConfigError for sizes or a sparsity out of range.
  FeedForward(const FeedForwardOptions& options, Generator& rng);
  const FeedForwardOptions& options() const { return options_; }
  Tensor forward(const Tensor& x) override;

 private:
  FeedForwardOptions options_;
  Linear fc1_;
  Linear fc2_;
};

enum class TransformerNorm { LayerNorm, RMSNorm };

struct TransformerBlockOptions {
  int64_t dim = 0;
  int64_t heads = 1;
  int64_t kv_heads = 0;  // as in MultiheadAttentionOptions
  int64_t hidden = 0;    // of the feed-forward part; 0: 4 dim
  bool causal = false;
  std::optional<RotaryOptions> rotary = std::nullopt;
  TransformerNorm norm = TransformerNorm::LayerNorm;
  FeedForwardActivation activation = FeedForwardActivation::GELU;
  bool bias = true;     // of all linear layers
  double dropout = 0;   // of what either part adds, in [0, 1)
  double sparsity = 0;  // of the weights of both parts
  DType dtype = DType::f32;
};

// x + self_attn(norm1(x)), then x + ffn(norm2(x)): the block with norms in front (Xiong et al. 2020,
// https://arxiv.org/abs/2002.04745). Children: norm1, self_attn, norm2, ffn, dropout.
class TransformerBlock final : public Cloneable<TransformerBlock> {
 public:
  // Throws ConfigError as its parts do.
  TransformerBlock(const TransformerBlockOptions& options, Generator& rng);
  const TransformerBlockOptions& options() const { return options_; }

  // x [n, t, dim] -> [n, t, dim]
  Tensor forward(const Tensor& x) override;
  // The same for positions that go on where the cache ends (MultiheadAttention::forward).
  Tensor forward(const Tensor& x, KeyValueCache& cache);
  KeyValueCache make_cache(int64_t n, int64_t capacity) const { return self_attn_.make_cache(n, capacity); }

 private:
  Tensor add_feed_forward(const Tensor& x);

  TransformerBlockOptions options_;
  std::unique_ptr<Module> norm1_;
  MultiheadAttention self_attn_;
  std::unique_ptr<Module> norm2_;
  FeedForward ffn_;
  Dropout dropout_;
};

}  // namespace gossamer::nn
#pragma GCC visibility pop
