// Scaled dot-product attention, and the rotation that tells it positions.
#pragma once

#include <cstdint>
#include <optional>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

struct AttentionOptions {
  // Query i attends to keys j <= first_query + i alone.
  bool causal = false;
  // With causal: the position of the first query among the keys, as when earlier keys come from a cache. At least 0.
  int64_t first_query = 0;
  // Only the first rows of k and v count, as in a cache that has room for more; default all of them.
  std::optional<int64_t> keys = std::nullopt;
  // Of q kᵀ; default 1 / sqrt(d).
  std::optional<double> scale = std::nullopt;
  // Broadcasts to [..., heads, t, s]: bool, where true attends, or of the dtype of q, added to the scaled q kᵀ. It
  // takes no gradient (StateError where it asks for one). A query that attends to nothing has the result 0.
  Tensor mask = {};
  // Above 0, the heads stand side by side in the last dimension, as projections leave them: see below.
  int64_t heads = 0;
  int64_t kv_heads = 0;  // 0: heads
};

// softmax(scale q kᵀ + mask) v for q [..., heads, t, d], k [..., kv_heads, s, d], v [..., kv_heads, s, e]
// -> [..., heads, t, e]; with options.heads for q [..., t, heads d], k [..., s, kv_heads d], v [..., s, kv_heads e]
// -> [..., t, heads e], without a copy in between. kv_heads divides heads, and consecutive heads share one (grouped
// queries, Ainslie et al. 2023, https://arxiv.org/abs/2305.13245). Memory beside the result is t numbers for each head:
// scores are formed block by block, forward and again backward (Dao et al. 2022, https://arxiv.org/abs/2205.14135).
// Throws ShapeError for sizes that do not fit, DTypeError, ConfigError.
[[nodiscard]] Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                                  const AttentionOptions& options = {});

struct RotaryOptions {
  int64_t first_position = 0;  // of the first row, at least 0
  double base = 10000;         // above 0
  // Pairs are elements 2i and 2i + 1, as in the paper; otherwise i and i + d/2, as in most published models.
  bool interleaved = false;
  int64_t heads = 0;  // as in AttentionOptions
};

// Rotary position embedding (Su et al. 2021, https://arxiv.org/abs/2104.09864): pair i of row p of a head [t, d] turned
// by the angle (first_position + p) base^(-2i/d). x [..., t, d], or [..., t, heads d] with options.heads; d is even
// (ShapeError).
[[nodiscard]] Tensor rotary_embedding(const Tensor& x, const RotaryOptions& options = {});

}  // namespace gossamer
#pragma GCC visibility pop
