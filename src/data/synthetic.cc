#include "gossamer/data/synthetic.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <string_view>
#include <utility>

#include "data/draw.h"
#include "gossamer/error.h"
#include "gossamer/random.h"
#include "runtime/check.h"

namespace gossamer::data {
namespace {

void check_sizes(std::string_view op, int64_t samples, int64_t features) {
  if (samples < 0 || features < 1) {
    fail<ConfigError>(op, "samples must not be negative, features positive",
                      fmt::format("samples {}, features {}", samples, features));
  }
}

void check_spread(std::string_view op, std::string_view name, double value) {
  if (!std::isfinite(value) || value < 0) {
    fail<ConfigError>(op, fmt::format("{} must be finite and not negative", name), fmt::format("{} {}", name, value));
  }
}

Tensor standard_normal(const Shape& shape, uint64_t key) {
  Tensor t = Tensor::empty(shape);
  float* values = t.mutable_data<float>();
  for (int64_t i = 0; i < t.numel(); ++i) values[i] = static_cast<float>(random_normal(key, static_cast<uint64_t>(i)));
  return t;
}

}  // namespace

std::shared_ptr<const TensorDataset> make_blobs(const BlobsOptions& options) {
  constexpr std::string_view kOp = "make_blobs";
  check_sizes(kOp, options.samples, options.features);
  if (options.classes < 1) {
    fail<ConfigError>(kOp, "classes must be positive", fmt::format("classes {}", options.classes));
  }
  check_spread(kOp, "center", options.center);
  check_spread(kOp, "std", options.std);
  Tensor x = standard_normal({options.samples, options.features}, derive_key(options.seed, "make_blobs x", 0));
  Tensor y = Tensor::empty({options.samples}, DType::i64);
  const uint64_t centers = derive_key(options.seed, "make_blobs centers", 0);
  float* value = x.mutable_data<float>();
  int64_t* labels = y.mutable_data<int64_t>();
  for (int64_t i = 0; i < options.samples; ++i) {
    labels[i] = i % options.classes;
    for (int64_t k = 0; k < options.features; ++k, ++value) {
      const double uniform = random_double(centers, static_cast<uint64_t>(labels[i] * options.features + k));
      *value = static_cast<float>(options.center * (2 * uniform - 1) + options.std * static_cast<double>(*value));
    }
  }
  return std::make_shared<const TensorDataset>(std::move(x), std::move(y));
}

Regression make_regression(const RegressionOptions& options) {
  constexpr std::string_view kOp = "make_regression";
  check_sizes(kOp, options.samples, options.features);
  check_spread(kOp, "noise", options.noise);
  const Tensor weight = standard_normal({1, options.features}, derive_key(options.seed, "make_regression weight", 0));
  const Tensor x =
      standard_normal({options.samples, options.features}, derive_key(options.seed, "make_regression x", 0));
  Tensor y = Tensor::empty({options.samples, 1});
  const uint64_t noise = derive_key(options.seed, "make_regression noise", 0);
  const float* row = x.data<float>();
  const float* const w = weight.data<float>();
  float* const targets = y.mutable_data<float>();
  for (int64_t i = 0; i < options.samples; ++i, row += options.features) {
    double sum = options.noise * random_normal(noise, static_cast<uint64_t>(i));
    for (int64_t k = 0; k < options.features; ++k) sum += static_cast<double>(row[k]) * static_cast<double>(w[k]);
    targets[i] = static_cast<float>(sum);
  }
  return {.dataset = std::make_shared<const TensorDataset>(x, y), .weight = weight};
}

std::vector<int32_t> make_tokens(const TokensOptions& options) {
  constexpr std::string_view kOp = "make_tokens";
  if (options.tokens < 0 || options.vocabulary < 1 || options.vocabulary > std::numeric_limits<int32_t>::max()) {
    fail<ConfigError>(kOp, "tokens must not be negative, vocabulary in [1, 2^31)",
                      fmt::format("tokens {}, vocabulary {}", options.tokens, options.vocabulary));
  }
  if (!(options.noise >= 0 && options.noise <= 1)) {
    fail<ConfigError>(kOp, "noise must be in [0, 1]", fmt::format("noise {}", options.noise));
  }
  // A random cycle: each token is followed by its neighbour in a random order.
  std::vector<int64_t> cycle(static_cast<size_t>(options.vocabulary));
  std::iota(cycle.begin(), cycle.end(), int64_t{0});
  shuffle(cycle, derive_key(options.seed, "make_tokens cycle", 0));
  std::vector<int32_t> next(cycle.size());
  for (size_t i = 0; i < cycle.size(); ++i) {
    next[static_cast<size_t>(cycle[i])] = static_cast<int32_t>(cycle[(i + 1) % cycle.size()]);
  }
  const uint64_t choices = derive_key(options.seed, "make_tokens noise", 0);
  const uint64_t uniform = derive_key(options.seed, "make_tokens token", 0);
  std::vector<int32_t> tokens(static_cast<size_t>(options.tokens));
  uint64_t draws = 0;
  int32_t token = static_cast<int32_t>(cycle[0]);
  for (size_t i = 0; i < tokens.size(); ++i) {
    token = next[static_cast<size_t>(token)];
    if (random_double(choices, i) < options.noise) {
      token = static_cast<int32_t>(draw_below(uniform, draws, static_cast<uint64_t>(options.vocabulary)));
    }
    tokens[i] = token;
  }
  return tokens;
}

}  // namespace gossamer::data
