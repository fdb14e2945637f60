#include "gossamer/nn/generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <utility>

#include "gossamer/autograd.h"
#include "gossamer/random.h"
#include "runtime/check.h"

namespace gossamer::nn {

namespace {

constexpr const char* kSample = "sample_token";
constexpr const char* kGenerate = "generate";

void check(const SamplingOptions& options) {
  if (!(options.temperature >= 0) || !std::isfinite(options.temperature)) {
    fail<ConfigError>(kSample, "temperature must be finite and at least 0", fmt::format("{}", options.temperature));
  }
  if (options.top_k < 0) fail<ConfigError>(kSample, "top_k must be at least 0", fmt::format("{}", options.top_k));
  if (!(options.top_p > 0 && options.top_p <= 1)) {
    fail<ConfigError>(kSample, "top_p must be above 0 and at most 1", fmt::format("{}", options.top_p));
  }
}

// The order of candidates: the larger logit first, the lower number among ties.
struct Before {
  std::span<const float> logits;
  bool operator()(size_t a, size_t b) const { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; }
};

// Moves the most probable candidates that together reach top_p to the front and returns their number. A heap gives them
// one by one, since usually few are taken of many.
size_t reach(double top_p, std::vector<size_t>& candidates, std::span<const float> logits,
             const std::vector<double>& weight) {
  double left = top_p * std::accumulate(candidates.begin(), candidates.end(), 0.0,
                                        [&](double sum, size_t i) { return sum + weight[i]; });
  const auto later = [before = Before{logits}](size_t a, size_t b) { return before(b, a); };
  std::ranges::make_heap(candidates, later);
  auto heap_end = candidates.end();
  while (heap_end != candidates.begin() && (left > 0 || heap_end == candidates.end())) {
    std::pop_heap(candidates.begin(), heap_end, later);
    left -= weight[*--heap_end];
  }
  const auto taken = static_cast<size_t>(candidates.end() - heap_end);
  std::ranges::reverse(candidates);
  return taken;
}

}  // namespace

int64_t sample_token(std::span<const float> logits, const SamplingOptions& options, uint64_t key) {
  check(options);
  if (logits.empty()) fail<ShapeError>(kSample, "there must be logits", "none");
  const auto top = static_cast<size_t>(std::ranges::max_element(logits) - logits.begin());
  if (!std::isfinite(logits[top]) || std::ranges::any_of(logits, [](float x) { return std::isnan(x); })) {
    fail<StateError>(kSample, "the largest logit must be finite, and none NaN", fmt::format("{}", logits[top]),
                     "look for a model that diverged");
  }
  if (options.temperature == 0) return static_cast<int64_t>(top);

  std::vector<size_t> candidates(logits.size());
  std::iota(candidates.begin(), candidates.end(), size_t{0});
  if (options.top_k > 0 && static_cast<size_t>(options.top_k) < candidates.size()) {
    std::ranges::nth_element(candidates, candidates.begin() + options.top_k, Before{logits});
    candidates.resize(static_cast<size_t>(options.top_k));
  }
  std::vector<double> weight(logits.size());
  for (const size_t i : candidates) {
    weight[i] = std::exp((static_cast<double>(logits[i]) - static_cast<double>(logits[top])) / options.temperature);
  }
  if (options.top_p < 1) candidates.resize(reach(options.top_p, candidates, logits, weight));
  // In the order of the vocabulary, so that nothing depends on how the candidates were found.
  std::ranges::sort(candidates);
  double left = std::accumulate(candidates.begin(), candidates.end(), 0.0,
                                [&](double sum, size_t i) { return sum + weight[i]; }) *
                random_double(key, 0);
  size_t chosen = top;
  for (const size_t i : candidates) {
    if (weight[i] == 0) continue;
    chosen = i;
    left -= weight[i];
    if (left < 0) break;
  }
  return static_cast<int64_t>(chosen);
}

namespace {

// The last row of each sequence.
std::vector<std::span<const float>> last_rows(const Tensor& logits, size_t n) {
  if (!logits.defined() || (logits.rank() != 2 && logits.rank() != 3) || logits.dtype() != DType::f32 ||
      logits.dim(0) != static_cast<int64_t>(n) || logits.numel() == 0) {
    fail<ShapeError>(
        kGenerate, fmt::format("logits must be f32 [{}, vocabulary] or [{}, t, vocabulary]", n, n),
        logits.defined() ? fmt::format("{} {}", dtype_name(logits.dtype()), logits.shape().to_string()) : "undefined");
  }
  const auto vocabulary = static_cast<size_t>(logits.dim(-1));
  const size_t stride = static_cast<size_t>(logits.numel()) / n;
  std::vector<std::span<const float>> rows;
  for (size_t i = 0; i < n; ++i)
    rows.push_back(logits.span<float>().subspan((i + 1) * stride - vocabulary, vocabulary));
  return rows;
}

}  // namespace

std::vector<std::vector<int64_t>> generate(const NextLogits& next_logits,
                                           const std::vector<std::vector<int64_t>>& prompts,
                                           const GenerateOptions& options) {
  check(options.sampling);
  if (prompts.empty() || std::ranges::any_of(prompts, &std::vector<int64_t>::empty)) {
    fail<ConfigError>(kGenerate, "there must be prompts of at least one token",
                      prompts.empty() ? "no prompt" : "an empty one");
  }
  if (options.max_new_tokens < 1) {
    fail<ConfigError>(kGenerate, "max_new_tokens must be at least 1", fmt::format("{}", options.max_new_tokens));
  }
  const NoGrad no_grad;
  const size_t n = prompts.size();
  const size_t most_new = static_cast<size_t>(options.max_new_tokens);
  std::vector<std::vector<int64_t>> sequences = prompts;
  std::vector<bool> done(n, false);
  size_t fed = 0;
  size_t position = std::ranges::min(prompts, {}, &std::vector<int64_t>::size).size();
  while (std::ranges::count(done, false) > 0) {
    Tensor tokens = Tensor::empty({static_cast<int64_t>(n), static_cast<int64_t>(position - fed)}, DType::i64);
    int64_t* to = tokens.mutable_data<int64_t>();
    for (const std::vector<int64_t>& sequence : sequences) {
      // One that is done repeats its last token, of which nothing is read any more.
      for (size_t p = fed; p < position; ++p) *to++ = sequence[std::min(p, sequence.size() - 1)];
    }
    const Tensor logits = next_logits(tokens);
    const std::vector<std::span<const float>> rows = last_rows(logits, n);
    for (size_t i = 0; i < n; ++i) {
      if (done[i] || position < sequences[i].size()) continue;
      const uint64_t key = derive_key(derive_key(options.seed, "sequence", static_cast<int64_t>(i)), "position",
                                      static_cast<int64_t>(position));
      const int64_t token = sample_token(rows[i], options.sampling, key);
      sequences[i].push_back(token);
      done[i] = sequences[i].size() == prompts[i].size() + most_new || token == options.stop_token;
      if (options.on_token) options.on_token(i, token);
    }
    fed = position++;
  }
  for (size_t i = 0; i < n; ++i) {
    sequences[i].erase(sequences[i].begin(), sequences[i].begin() + static_cast<std::ptrdiff_t>(prompts[i].size()));
  }
  return sequences;
}

}  // namespace gossamer::nn
