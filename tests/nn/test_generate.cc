// Sampling of tokens, and generation over prompts of different lengths.
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/nn/generate.h"
#include "gossamer/random.h"
#include "tests/nn/support.h"
#include "tests/support/errors.h"

namespace gossamer::nn::test_generate {
namespace {

using Sequences = std::vector<std::vector<int64_t>>;

constexpr int kDraws = 4000;

// How often each token comes.
std::map<int64_t, int> draw(const std::vector<float>& logits, const SamplingOptions& options) {
  std::map<int64_t, int> count;
  for (int i = 0; i < kDraws; ++i) ++count[sample_token(logits, options, derive_key(1, "draw", i))];
  return count;
}

TEST(SampleToken, DrawsByTheSoftmaxOfTheLogitsOverTheTemperature) {
  const std::vector<float> logits{0, 1, -std::numeric_limits<float>::infinity(), 2};
  std::map<int64_t, int> count = draw(logits, {.temperature = 2});
  const double sum = 1 + std::exp(0.5) + std::exp(1);
  EXPECT_EQ(count[2], 0);
  for (const int64_t token : {0, 1, 3}) {
    const double expected = kDraws * std::exp(static_cast<double>(logits[static_cast<size_t>(token)]) / 2) / sum;
    EXPECT_NEAR(count[token], expected, 5 * std::sqrt(expected)) << token;
  }
}

TEST(SampleToken, TakesTheLargestAtTemperatureZero) {
  EXPECT_EQ(sample_token(std::vector<float>{1, 3, 3, 2}, {.temperature = 0}, 5), 1);
}

TEST(SampleToken, KeepsTheKLargestAndTheLowerOfEquals) {
  const auto tokens = [](const SamplingOptions& options) {
    std::set<int64_t> set;
    for (const auto& [token, n] : draw({1, 2, 1, 3}, options)) set.insert(token);
    return set;
  };
  EXPECT_EQ(tokens({.top_k = 1}), (std::set<int64_t>{3}));
  EXPECT_EQ(tokens({.top_k = 3}), (std::set<int64_t>{0, 1, 3}));
  EXPECT_EQ(tokens({.top_k = 9}), (std::set<int64_t>{0, 1, 2, 3}));
}

// Probabilities 0.5, 0.3, 0.2.
TEST(SampleToken, KeepsTheMostProbableThatReachTopP) {
  const std::vector<float> logits{std::log(0.3f), std::log(0.5f), std::log(0.2f)};
  EXPECT_EQ(draw(logits, {.top_p = 0.45}).size(), 1);
  EXPECT_EQ(draw(logits, {.top_p = 0.75}).size(), 2);
  EXPECT_EQ(draw(logits, {.top_p = 0.85}).size(), 3);
  EXPECT_EQ(draw(logits, {.top_k = 2, .top_p = 0.6}).size(), 1) << "of the two, one has 0.625";
  EXPECT_EQ(draw(logits, {.top_p = 1e-9}).begin()->first, 1);
}

TEST(SampleToken, RefusesOptionsAndLogitsWithoutAMeaning) {
  const std::vector<float> logits{1, 2};
  message_of<ConfigError>([&] { sample_token(logits, {.temperature = -1}, 0); });
  message_of<ConfigError>([&] { sample_token(logits, {.top_k = -1}, 0); });
  message_of<ConfigError>([&] { sample_token(logits, {.top_p = 0}, 0); });
  message_of<ConfigError>([&] { sample_token(logits, {.top_p = std::nan("")}, 0); });
  message_of<ShapeError>([] { sample_token({}, {}, 0); });
  message_of<StateError>([] { sample_token(std::vector<float>{1, std::nanf("")}, {}, 0); });
  message_of<StateError>([] { sample_token(std::vector<float>{-std::numeric_limits<float>::infinity()}, {}, 0); });
}

// A model that says the next number modulo 10, and remembers what it was fed.
struct Counting {
  Sequences fed;
  Tensor operator()(const Tensor& tokens) {
    EXPECT_FALSE(grad_enabled());
    fed.resize(static_cast<size_t>(tokens.dim(0)));
    Tensor logits = Tensor::zeros({tokens.dim(0), tokens.dim(1), 10});
    for (int64_t i = 0; i < tokens.numel(); ++i) {
      const int64_t token = tokens.data<int64_t>()[i];
      fed[static_cast<size_t>(i / tokens.dim(1))].push_back(token);
      logits.mutable_data<float>()[i * 10 + (token + 1) % 10] = 9;
    }
    return logits;
  }
};

TEST(Generate, GoesOnFromPromptsOfDifferentLengths) {
  Counting model;
  std::string order;
  const Sequences result = generate(
      std::ref(model), {{7}, {1, 2, 3, 4}, {5, 6}},
      {.max_new_tokens = 4, .sampling = {.temperature = 0}, .stop_token = 9, .on_token = [&](size_t i, int64_t) {
         order += std::to_string(i);
       }});
  EXPECT_EQ(result, (Sequences{{8, 9}, {5, 6, 7, 8}, {7, 8, 9}}));
  EXPECT_EQ(order, "002212111") << "each as soon as its prompt is read";
  EXPECT_EQ(model.fed[1], (std::vector<int64_t>{1, 2, 3, 4, 5, 6, 7}));
}

TEST(Generate, IsAFunctionOfTheSeedAndEachSequenceOfItsPlace) {
  const auto flat = [](const Tensor& tokens) { return Tensor::zeros({tokens.dim(0), 50}); };
  const auto run = [&](uint64_t seed, const Sequences& prompts) {
    return generate(flat, prompts, {.max_new_tokens = 12, .seed = seed});
  };
  const Sequences both = run(1, {{3}, {3}});
  EXPECT_EQ(both, run(1, {{3}, {3}}));
  EXPECT_NE(both[0], both[1]);
  EXPECT_EQ(both[0], run(1, {{3}})[0]);
  EXPECT_NE(both[0], run(2, {{3}})[0]);
}

TEST(Generate, RefusesWhatItCannotGoOnFrom) {
  const auto flat = [](const Tensor& tokens) { return Tensor::zeros({tokens.dim(0), 5}); };
  message_of<ConfigError>([&] { generate(flat, {}); });
  message_of<ConfigError>([&] { generate(flat, {{1}, {}}); });
  message_of<ConfigError>([&] { generate(flat, {{1}}, {.max_new_tokens = 0}); });
  message_of<ShapeError>([&] { generate([](const Tensor&) { return Tensor::zeros({2, 5}); }, {{1}}); });
  message_of<ShapeError>([&] { generate([](const Tensor&) { return Tensor(); }, {{1}}); });
  message_of<std::runtime_error>(
      [&] { generate([](const Tensor&) -> Tensor { throw std::runtime_error("of the model"); }, {{1}}); });
  EXPECT_TRUE(grad_enabled());
}

}  // namespace
}  // namespace gossamer::nn::test_generate
