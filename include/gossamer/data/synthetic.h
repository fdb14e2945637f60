// Data made of a seed: for tests, benchmarks and first experiments.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "gossamer/data/dataset.h"

#pragma GCC visibility push(default)
namespace gossamer::data {

struct BlobsOptions {
  int64_t samples = 1000;
  int64_t features = 2;
  int64_t classes = 3;
  double center = 10;  // the classes' centres are uniform in [-center, center] along each feature
  double std = 1;      // of the points around them
  uint64_t seed = 0;
};
// Points around a centre for each class: x f32 [samples, features], y i64 [samples]; sample i is of class i % classes.
// Throws ConfigError unless samples >= 0, features and classes are positive, and center and std are finite and not
// negative.
std::shared_ptr<const TensorDataset> make_blobs(const BlobsOptions& options = {});

struct RegressionOptions {
  int64_t samples = 1000;
  int64_t features = 10;
  double noise = 0;  // standard deviation of what is added to y
  uint64_t seed = 0;
};
struct Regression {
  std::shared_ptr<const TensorDataset> dataset;  // x f32 [samples, features], y f32 [samples, 1]
  Tensor weight;                                 // f32 [1, features]: y = x weightᵀ + noise
};
// A linear model with standard normal weights and inputs. Throws ConfigError unless samples >= 0, features is positive
// and noise is finite and not negative.
Regression make_regression(const RegressionOptions& options = {});

struct TokensOptions {
  int64_t tokens = 100'000;
  int64_t vocabulary = 64;
  double noise = 0.1;  // share of tokens that are drawn uniformly instead
  uint64_t seed = 0;
};
// A stream that can be learnt: each token has one that follows it (all in one cycle), but for the noise. No model has a
// mean loss below the entropy of a choice with the probabilities 1 - p + p/v, once, and p/v, v - 1 times, where p is
// the noise and v the vocabulary. Throws ConfigError unless tokens >= 0, vocabulary is in [1, 2^31) and noise in [0,
// 1].
std::vector<int32_t> make_tokens(const TokensOptions& options = {});

}  // namespace gossamer::data
#pragma GCC visibility pop
