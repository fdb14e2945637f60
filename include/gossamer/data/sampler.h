// Samplers: which samples an epoch gives, and in what order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace gossamer::data {

// All that the order of an epoch may depend on, besides the sampler's own settings.
struct EpochInfo {
  int64_t samples = 0;  // of the data set
  uint64_t seed = 0;    // of the loader
  int64_t epoch = 0;    // from 0
};

// What a DataLoader asks for the order of its samples. An order is a function of EpochInfo alone, which is what makes a
// run resumable anywhere. Derive from it for an order of one's own. It is called by one thread at a time of a loader.
class Sampler {
 public:
  virtual ~Sampler() = default;

  // Samples of an epoch over a data set of `samples`. Throws ConfigError where the sampler does not fit that set.
  virtual int64_t size(int64_t samples) const = 0;
  // size(epoch.samples) indices in [0, epoch.samples); an index may come twice.
  virtual std::vector<int64_t> order(const EpochInfo& epoch) const = 0;
  // Name and settings. A loader's state keeps a hash of it, and is taken up by a loader with the same text only.
  virtual std::string describe() const = 0;

 protected:
  Sampler() = default;
  Sampler(const Sampler&) = default;
  Sampler& operator=(const Sampler&) = default;
};

// 0, 1, 2, ...: the order of the data set.
class SequentialSampler final : public Sampler {
 public:
  int64_t size(int64_t samples) const override { return samples; }
  std::vector<int64_t> order(const EpochInfo& epoch) const override;
  std::string describe() const override { return "SequentialSampler"; }
};

// Every sample once, all orders equally likely.
class RandomSampler final : public Sampler {
 public:
  int64_t size(int64_t samples) const override { return samples; }
  std::vector<int64_t> order(const EpochInfo& epoch) const override;
  std::string describe() const override { return "RandomSampler"; }
};

struct SubsetSamplerOptions {
  std::vector<int64_t> indices;
  bool shuffle = true;  // anew in each epoch; without it in the order of `indices`
};
// The given samples only.
class SubsetSampler final : public Sampler {
 public:
  // Throws ConfigError when an index is negative.
  explicit SubsetSampler(SubsetSamplerOptions options);

  int64_t size(int64_t samples) const override;
  std::vector<int64_t> order(const EpochInfo& epoch) const override;
  std::string describe() const override;

 private:
  SubsetSamplerOptions options_;
  int64_t largest_ = -1;
  uint64_t hash_ = 0;
};

struct WeightedRandomSamplerOptions {
  std::vector<double> weights;              // one for each sample, finite and not negative; they need not add up to 1
  std::optional<int64_t> num_samples = {};  // of an epoch; without it as many as there are weights
  // Draws are independent. Without replacement no sample comes twice, and each draw is among those that are left, in
  // proportion to their weights (Efraimidis and Spirakis 2006, https://doi.org/10.1016/j.ipl.2005.11.003).
  bool replacement = true;
};
// Samples drawn in proportion to their weights: rare classes as often as common ones, for example.
class WeightedRandomSampler final : public Sampler {
 public:
  // Throws ConfigError when a weight is negative or not finite, all are 0, num_samples < 0, or, without replacement,
  // num_samples is larger than the number of positive weights.
  explicit WeightedRandomSampler(WeightedRandomSamplerOptions options);

  int64_t size(int64_t samples) const override;
  std::vector<int64_t> order(const EpochInfo& epoch) const override;
  std::string describe() const override;

 private:
  std::vector<int64_t> with_replacement(uint64_t key) const;
  std::vector<int64_t> without_replacement(uint64_t key) const;

  std::vector<double> weights_;  // the largest is 1
  std::vector<double> up_to_;    // with replacement: sums of the weights up to and with each
  int64_t num_samples_ = 0;
  bool replacement_ = true;
  uint64_t hash_ = 0;
};

}  // namespace gossamer::data
#pragma GCC visibility pop
