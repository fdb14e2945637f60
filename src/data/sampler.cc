#include "gossamer/data/sampler.h"

#include <algorithm>
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

uint64_t key_of(const EpochInfo& epoch) { return derive_key(epoch.seed, "epoch", epoch.epoch); }

std::vector<int64_t> ascending(int64_t n) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  return order;
}

// Of the elements as they lie in memory.
template <class T>
uint64_t hash_of(const std::vector<T>& values) {
  return derive_key(0, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)}, 0);
}

}  // namespace

std::vector<int64_t> SequentialSampler::order(const EpochInfo& epoch) const { return ascending(epoch.samples); }

std::vector<int64_t> RandomSampler::order(const EpochInfo& epoch) const {
  std::vector<int64_t> order = ascending(epoch.samples);
  shuffle(order, key_of(epoch));
  return order;
}

SubsetSampler::SubsetSampler(SubsetSamplerOptions options) : options_(std::move(options)) {
  for (const int64_t i : options_.indices) {
    if (i < 0) fail<ConfigError>("SubsetSampler", "indices must not be negative", fmt::format("index {}", i));
    largest_ = std::max(largest_, i);
  }
  hash_ = hash_of(options_.indices);
}

int64_t SubsetSampler::size(int64_t samples) const {
  if (largest_ >= samples) {
    fail<ConfigError>("SubsetSampler", fmt::format("indices must be below the {} samples of the data set", samples),
                      fmt::format("index {}", largest_));
  }
  return static_cast<int64_t>(options_.indices.size());
}

std::vector<int64_t> SubsetSampler::order(const EpochInfo& epoch) const {
  std::vector<int64_t> order = options_.indices;
  if (options_.shuffle) shuffle(order, key_of(epoch));
  return order;
}

std::string SubsetSampler::describe() const {
  return fmt::format("SubsetSampler({} indices {:016x}{})", options_.indices.size(), hash_,
                     options_.shuffle ? ", shuffled" : "");
}

WeightedRandomSampler::WeightedRandomSampler(WeightedRandomSamplerOptions options)
    : weights_(std::move(options.weights)), replacement_(options.replacement) {
  constexpr std::string_view kOp = "WeightedRandomSampler";
  double largest = 0;
  int64_t positive = 0;
  for (size_t i = 0; i < weights_.size(); ++i) {
    const double weight = weights_[i];
    if (!std::isfinite(weight) || weight < 0) {
      fail<ConfigError>(kOp, "weights must be finite and not negative", fmt::format("weight {} is {}", i, weight));
    }
    largest = std::max(largest, weight);
    positive += weight > 0 ? 1 : 0;
  }
  if (positive == 0) {
    fail<ConfigError>(kOp, "a weight must be positive", fmt::format("{} weights, none is", weights_.size()));
  }
  num_samples_ = options.num_samples.value_or(static_cast<int64_t>(weights_.size()));
  if (num_samples_ < 0) {
    fail<ConfigError>(kOp, "num_samples must not be negative", fmt::format("num_samples {}", num_samples_));
  }
  if (!replacement_ && num_samples_ > positive) {
    fail<ConfigError>(kOp, "without replacement there must be a positive weight for each of num_samples",
                      fmt::format("num_samples {}, {} positive weights", num_samples_, positive),
                      "draw fewer, or with replacement");
  }
  hash_ = hash_of(weights_);
  // At most 1 each, so that the sum is a normal number. What was positive stays so.
  for (double& weight : weights_) {
    if (weight > 0) weight = std::max(weight / largest, std::numeric_limits<double>::denorm_min());
  }
  if (replacement_) {
    up_to_.resize(weights_.size());
    std::partial_sum(weights_.begin(), weights_.end(), up_to_.begin());
  }
}

int64_t WeightedRandomSampler::size(int64_t samples) const {
  if (samples != static_cast<int64_t>(weights_.size())) {
    fail<ConfigError>("WeightedRandomSampler", "there must be a weight for each sample of the data set",
                      fmt::format("{} weights, {} samples", weights_.size(), samples));
  }
  return num_samples_;
}

std::vector<int64_t> WeightedRandomSampler::order(const EpochInfo& epoch) const {
  const uint64_t key = key_of(epoch);
  return replacement_ ? with_replacement(key) : without_replacement(key);
}

std::vector<int64_t> WeightedRandomSampler::with_replacement(uint64_t key) const {
  std::vector<int64_t> order(static_cast<size_t>(num_samples_));
  for (size_t i = 0; i < order.size(); ++i) {
    // At most 1 - 2^-53 times the sum, which is below the sum after rounding too: there is always a sum above it, and
    // the first one belongs to a positive weight.
    const double at = random_double(key, i) * up_to_.back();
    order[i] = std::ranges::upper_bound(up_to_, at) - up_to_.begin();
  }
  return order;
}

std::vector<int64_t> WeightedRandomSampler::without_replacement(uint64_t key) const {
  // An exponential time of rate w for each sample: the first to come are those that successive draws give.
  std::vector<std::pair<double, int64_t>> times;
  times.reserve(weights_.size());
  for (size_t i = 0; i < weights_.size(); ++i) {
    const double uniform = 1 - random_double(key, i);  // in (0, 1]
    if (weights_[i] > 0) times.emplace_back(-std::log(uniform) / weights_[i], static_cast<int64_t>(i));
  }
  std::ranges::partial_sort(times, times.begin() + num_samples_);
  std::vector<int64_t> order(static_cast<size_t>(num_samples_));
  for (size_t i = 0; i < order.size(); ++i) order[i] = times[i].second;
  return order;
}

std::string WeightedRandomSampler::describe() const {
  return fmt::format("WeightedRandomSampler({} of {} weights {:016x}, {} replacement)", num_samples_, weights_.size(),
                     hash_, replacement_ ? "with" : "without");
}

}  // namespace gossamer::data
