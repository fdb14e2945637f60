// Tokens from the logits of a model: sampling, and the loop that feeds them back.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer::nn {

// Restrictions apply in the order top_k, top_p, as is usual.
struct SamplingOptions {
  double temperature = 1;  // divides the logits; 0: always the largest (greedy), the lower number among ties
  int64_t top_k = 0;       // only the k largest; 0: all
  // Only the largest that together reach this probability, at least one (Holtzman et al. 2019,
  // https://arxiv.org/abs/1904.09751); in (0, 1].
  double top_p = 1;
};

// A token drawn from softmax(logits / temperature), as a function of (logits, options, key) alone. Throws ConfigError
// for options out of range, ShapeError without logits, StateError where no logit is finite or one is NaN.
int64_t sample_token(std::span<const float> logits, const SamplingOptions& options, uint64_t key);

struct GenerateOptions {
  int64_t max_new_tokens = 100;  // for each prompt, at least 1
  SamplingOptions sampling = {};
  uint64_t seed = 0;  // position p of sequence i is drawn with a key of (seed, i, p)
  // Ends a sequence, which it is the last token of.
  std::optional<int64_t> stop_token = std::nullopt;
  // Called for each new token, as it comes, with the number of its sequence.
  std::function<void(size_t sequence, int64_t token)> on_token = {};
};

// The logits f32 [n, vocabulary], or [n, t, vocabulary] of which the last row counts, for tokens i64 [n, t] that go on
// where the call before ended: usually the forward of a model with its cache. The prompts and what follows are fed in
// such pieces; sequences whose prompt is shorter generate while the others are still read, so that all stand at one
// position.
using NextLogits = std::function<Tensor(const Tensor& tokens)>;

// The new tokens of each prompt. Runs without gradients. Throws ConfigError for no prompt, an empty one or options out
// of range, ShapeError for logits of another shape, and what `next_logits` and `on_token` throw.
std::vector<std::vector<int64_t>> generate(const NextLogits& next_logits,
                                           const std::vector<std::vector<int64_t>>& prompts,
                                           const GenerateOptions& options = {});

}  // namespace gossamer::nn
#pragma GCC visibility pop
