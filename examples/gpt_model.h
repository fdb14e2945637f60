// Gpt: a decoder-only transformer (Radford et al. 2019, "Language models are unsupervised multitask learners"), with
// GPT-2's initial values.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gossamer/gossamer.h"

namespace gs = gossamer;

struct GptOptions {
  int64_t vocabulary = 0;
  int64_t context = 256;  // positions seen at once
  int64_t layers = 4;
  int64_t dim = 256;
  int64_t heads = 4;
  double dropout = 0;
  bool rotary = false;            // turns queries and keys in place of learned positions
  bool tied = true;               // the output layer is the token embedding
  double sparsity = 0;            // of all projections and feed-forward layers, created in CSR
  double embedding_sparsity = 0;  // of the token embedding, with it of a tied output
};

// Tokens i64 [n, t], t <= context, to the logits [n, t, vocabulary] of the tokens that follow. Sparsity algorithms find
// the weights of the blocks by kGptSparseWeights; embeddings, norms, biases and the output stay dense.
inline const std::vector<std::string> kGptSparseWeights = {"*proj_[qkv]_dense_layer.weight",
                                                           "*proj_output_dense_layer.weight", "*linear_layer.weight"};

class Gpt final : public gs::nn::Cloneable<Gpt> {
 public:
  Gpt(const GptOptions& options, gs::Generator& rng)
      : options_(options),
        tokens_({.num_embeddings = options.vocabulary,
                 .embedding_dim = options.dim,
                 .sparsity = options.embedding_sparsity},
                rng),
        dropout_({.p = options.dropout}, rng),
        norm_({.normalized_shape = {options.dim}}),
        head_(options.tied ? gs::nn::Linear(tokens_.weight())
                           : gs::nn::Linear({.in = options.dim, .out = options.vocabulary, .bias = false}, rng)) {
    register_module("token_embedding", tokens_);
    if (!options.rotary) {
      positions_.emplace(gs::nn::EmbeddingOptions{.num_embeddings = options.context, .embedding_dim = options.dim},
                         rng);
      register_module("position_embedding", *positions_);
    }
    for (int64_t i = 0; i < options.layers; ++i) blocks_.append(gs::nn::TransformerBlock(block(), rng));
    register_module("dropout", dropout_);
    register_module("blocks", blocks_);
    register_module("norm", norm_);
    register_module("lm_head", head_);
    initialize(rng.next_key());
  }
  const GptOptions& options() const { return options_; }

  gs::Tensor forward(const gs::Tensor& tokens) override {
    gs::Tensor x = embed(tokens, 0);
    for (gs::nn::Module& block : blocks_) x = block(x);
    return head_(norm_(x));
  }

  // Of each block, for n sequences.
  using Caches = std::vector<gs::nn::KeyValueCache>;
  Caches make_caches(int64_t n) const {
    Caches caches;
    for (size_t i = 0; i < blocks_.size(); ++i) caches.push_back(at(i).make_cache(n, options_.context));
    return caches;
  }
  // The logits [n, 1, vocabulary] after the last of tokens that go on where the caches end. For NoGrad alone.
  gs::Tensor forward(const gs::Tensor& tokens, Caches& caches) {
    gs::Tensor x = embed(tokens, caches.at(0).length);
    for (size_t i = 0; i < blocks_.size(); ++i) x = at(i).forward(x, caches[i]);
    return head_(norm_(gs::slice(x, {.dim = 1, .begin = x.dim(1) - 1, .end = x.dim(1)})));
  }

 private:
  gs::nn::TransformerBlockOptions block() const {
    return {.dim = options_.dim,
            .heads = options_.heads,
            .causal = true,
            .rotary = options_.rotary ? std::optional(gs::RotaryOptions{}) : std::nullopt,
            .dropout = options_.dropout,
            .sparsity = options_.sparsity};
  }
  gs::nn::TransformerBlock& at(size_t i) const { return blocks_.get<gs::nn::TransformerBlock>(i); }

  gs::Tensor embed(const gs::Tensor& tokens, int64_t first) {
    gs::Tensor x = tokens_(tokens);
    if (positions_) {
      const auto begin = static_cast<double>(first);
      x = x + (*positions_)(gs::arange(
                  {.start = begin, .end = begin + static_cast<double>(tokens.dim(-1)), .dtype = gs::DType::i64}));
    }
    return dropout_(x);
  }

  // Weights are normal with deviation 0.02, those that add to the residual stream with 0.02 / sqrt(2 layers): two for
  // each block do. Biases are 0, norms the identity.
  void initialize(uint64_t key) {
    const double of_residual = 0.02 / std::sqrt(2.0 * static_cast<double>(options_.layers));
    for (const auto& [name, parameter] : named_parameters()) {
      const bool residual = gs::sparse::glob_match("*proj_output_dense_layer.weight", name) ||
                            gs::sparse::glob_match("*fc2_linear_layer.weight", name);
      if (name.ends_with(".bias")) {
        gs::nn::init::constant(parameter, 0);
      } else if (parameter.shape().rank() == 2) {
        gs::nn::init::normal(parameter, gs::derive_key(key, name, 0), {.std = residual ? of_residual : 0.02});
      }
    }
  }

  GptOptions options_;
  gs::nn::Embedding tokens_;
  std::optional<gs::nn::Embedding> positions_;
  gs::nn::Dropout dropout_;
  gs::nn::ModuleList blocks_;
  gs::nn::LayerNorm norm_;
  gs::nn::Linear head_;
};

// What nn::generate asks for n sequences: the model with caches of its own. When those are full, the last half of the
// context is read again as the beginning.
inline gs::nn::NextLogits next_logits(Gpt& model, int64_t n) {
  return [&model, caches = model.make_caches(n), seen = gs::Tensor()](const gs::Tensor& tokens) mutable {
    seen = seen.defined() ? gs::concat({seen, tokens}, 1) : tokens;
    const int64_t context = model.options().context;
    if (seen.dim(1) <= context) return model.forward(tokens, caches);
    seen = gs::slice(seen, {.dim = 1, .begin = seen.dim(1) - (context + 1) / 2, .end = seen.dim(1)});
    for (gs::nn::KeyValueCache& cache : caches) cache.length = 0;
    return model.forward(seen, caches);
  };
}
