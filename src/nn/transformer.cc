#include "gossamer/nn/transformer.h"

#include <fmt/format.h>

#include "gossamer/nn/normalization.h"
#include "gossamer/ops/activation.h"
#include "gossamer/ops/elementwise.h"
#include "runtime/check.h"

namespace gossamer::nn {

namespace {

FeedForwardOptions checked(FeedForwardOptions options) {
  if (options.dim < 1 || options.hidden < 0) {
    fail<ConfigError>("FeedForward", "dim must be at least 1 and hidden at least 0",
                      fmt::format("dim {}, hidden {}", options.dim, options.hidden));
  }
  if (options.hidden == 0) options.hidden = 4 * options.dim;
  return options;
}

LinearOptions layer(const FeedForwardOptions& options, int64_t in, int64_t out) {
  return {.in = in, .out = out, .bias = options.bias, .sparsity = options.sparsity, .dtype = options.dtype};
}

Tensor activate(FeedForwardActivation activation, const Tensor& x) {
  switch (activation) {
    case FeedForwardActivation::ReLU:
      return relu(x);
    case FeedForwardActivation::SiLU:
      return silu(x);
    case FeedForwardActivation::GELU:
      break;
  }
  return gelu(x);
}

std::unique_ptr<Module> make_norm(const TransformerBlockOptions& options) {
  const Shape shape({options.dim});
  if (options.norm == TransformerNorm::RMSNorm) {
    return std::make_unique<RMSNorm>(RMSNormOptions{.normalized_shape = shape, .dtype = options.dtype});
  }
  return std::make_unique<LayerNorm>(LayerNormOptions{.normalized_shape = shape, .dtype = options.dtype});
}

}  // namespace

FeedForward::FeedForward(const FeedForwardOptions& options, Generator& rng)
    : options_(checked(options)),
      fc1_(layer(options_, options_.dim, options_.hidden), rng),
      fc2_(layer(options_, options_.hidden, options_.dim), rng) {
  register_module("fc1_linear_layer", fc1_);
  register_module("fc2_linear_layer", fc2_);
}

Tensor FeedForward::forward(const Tensor& x) { return fc2_(activate(options_.activation, fc1_(x))); }

TransformerBlock::TransformerBlock(const TransformerBlockOptions& options, Generator& rng)
    : options_(options),
      norm1_(make_norm(options)),
      self_attn_({.dim = options.dim,
                  .heads = options.heads,
                  .kv_heads = options.kv_heads,
                  .bias = options.bias,
                  .causal = options.causal,
                  .rotary = options.rotary,
                  .sparsity = options.sparsity,
                  .dtype = options.dtype},
                 rng),
      norm2_(make_norm(options)),
      ffn_({.dim = options.dim,
            .hidden = options.hidden,
            .activation = options.activation,
            .bias = options.bias,
            .sparsity = options.sparsity,
            .dtype = options.dtype},
           rng),
      dropout_({.p = options.dropout}, rng) {
  register_module("norm1", *norm1_);
  register_module("self_attn", self_attn_);
  register_module("norm2", *norm2_);
  register_module("ffn", ffn_);
  register_module("dropout", dropout_);
}

Tensor TransformerBlock::add_feed_forward(const Tensor& x) { return add(x, dropout_(ffn_((*norm2_)(x)))); }

Tensor TransformerBlock::forward(const Tensor& x) {
  return add_feed_forward(add(x, dropout_(self_attn_((*norm1_)(x)))));
}

Tensor TransformerBlock::forward(const Tensor& x, KeyValueCache& cache) {
  check_not_moved_from();
  return add_feed_forward(add(x, dropout_(self_attn_.forward((*norm1_)(x), cache))));
}

}  // namespace gossamer::nn
