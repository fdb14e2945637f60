// Samplers: which samples come, how often, in which order, and that a loader goes on in the middle of their epochs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/data/loader.h"
#include "gossamer/data/sampler.h"
#include "gossamer/error.h"
#include "tests/data/support.h"

namespace gossamer::data::test_sampler {
namespace {

using Order = std::vector<int64_t>;
using SamplerPtr = std::shared_ptr<const Sampler>;

Order ascending(int64_t n) {
  Order order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  return order;
}

Order sorted(Order order) {
  std::ranges::sort(order);
  return order;
}

// Every second sample from the back: an application's own.
class BackwardSampler final : public Sampler {
 public:
  int64_t size(int64_t samples) const override { return samples / 2; }
  Order order(const EpochInfo& epoch) const override {
    Order order;
    for (int64_t i = 0; i < epoch.samples / 2; ++i) order.push_back(epoch.samples - 1 - 2 * i);
    return order;
  }
  std::string describe() const override { return "BackwardSampler"; }
};

std::vector<double> weights_of(int64_t n) {
  std::vector<double> weights;
  for (int64_t i = 0; i < n; ++i) weights.push_back(static_cast<double>(i % 5));
  return weights;
}

// One of each, for 50 samples.
std::vector<SamplerPtr> all_samplers() {
  return {std::make_shared<SequentialSampler>(),
          std::make_shared<RandomSampler>(),
          std::make_shared<SubsetSampler>(SubsetSamplerOptions{.indices = {40, 3, 7, 7, 12, 0, 49, 21, 22, 23}}),
          std::make_shared<SubsetSampler>(SubsetSamplerOptions{.indices = {9, 3, 7, 1, 2, 4, 30}, .shuffle = false}),
          std::make_shared<WeightedRandomSampler>(WeightedRandomSamplerOptions{.weights = weights_of(50)}),
          std::make_shared<WeightedRandomSampler>(
              WeightedRandomSamplerOptions{.weights = weights_of(50), .num_samples = 33, .replacement = false}),
          std::make_shared<BackwardSampler>()};
}

TEST(Samplers, GiveAsManySamplesAsTheySayInAnOrderOfSeedAndEpochAlone) {
  for (const SamplerPtr& sampler : all_samplers()) {
    SCOPED_TRACE(sampler->describe());
    const Order order = sampler->order({.samples = 50, .seed = 4, .epoch = 2});
    EXPECT_EQ(static_cast<int64_t>(order.size()), sampler->size(50));
    EXPECT_TRUE(std::ranges::all_of(order, [](int64_t i) { return i >= 0 && i < 50; }));
    EXPECT_EQ(sampler->order({.samples = 50, .seed = 4, .epoch = 2}), order);
    const bool random = sampler->describe().find("Random") == 0 || sampler->describe().find("Weighted") == 0 ||
                        sampler->describe().find("shuffled") != std::string::npos;
    EXPECT_EQ(sampler->order({.samples = 50, .seed = 4, .epoch = 3}) != order, random);
    EXPECT_EQ(sampler->order({.samples = 50, .seed = 5, .epoch = 2}) != order, random);
  }
}

TEST(Samplers, GoOnInTheMiddleOfAnEpochWithAnyNumberOfWorkers) {
  const auto dataset = std::make_shared<TensorDataset>(Tensor::from(ascending(50), {50}), Tensor::zeros({50}));
  const auto rest_of = [](DataLoader& loader) {
    std::vector<Order> batches;
    for (const Batch& batch : loader)
      batches.emplace_back(batch.x.span<int64_t>().begin(), batch.x.span<int64_t>().end());
    return batches;
  };
  for (const SamplerPtr& sampler : all_samplers()) {
    SCOPED_TRACE(sampler->describe());
    DataLoaderOptions options{.batch_size = 4, .sampler = sampler, .seed = 8, .prefetch = 0};
    DataLoader unbroken(dataset, options);
    rest_of(unbroken);
    const auto epoch1 = rest_of(unbroken);
    const auto epoch2 = rest_of(unbroken);
    EXPECT_EQ(static_cast<int64_t>(epoch1.size()), unbroken.size());
    for (const int64_t workers : {0, 1, 3}) {
      options.prefetch = 2;
      options.workers = workers;
      DataLoader broken(dataset, options);
      rest_of(broken);
      StateDict state;
      {
        auto pass = broken.begin();
        ++pass;
        state = broken.state_dict();
      }
      DataLoader resumed(dataset, options);
      resumed.load_state_dict(state);
      EXPECT_EQ(rest_of(resumed), std::vector(epoch1.begin() + 2, epoch1.end())) << workers;
      EXPECT_EQ(rest_of(resumed), epoch2) << workers;
    }
  }
}

TEST(Samplers, AreComparedBeforeAStateIsTakenUp) {
  const auto dataset = std::make_shared<TensorDataset>(Tensor::zeros({50}), Tensor::zeros({50}));
  std::vector<SamplerPtr> samplers = all_samplers();
  std::vector<double> weights = weights_of(50);
  weights[17] += 1e-9;
  samplers.push_back(std::make_shared<WeightedRandomSampler>(WeightedRandomSamplerOptions{.weights = weights}));
  samplers.push_back(nullptr);
  for (size_t saved = 0; saved < samplers.size(); ++saved) {
    const StateDict state = DataLoader(dataset, {.sampler = samplers[saved]}).state_dict();
    for (size_t taken = 0; taken < samplers.size(); ++taken) {
      DataLoader loader(dataset, {.sampler = samplers[taken]});
      if (saved == taken) {
        EXPECT_NO_THROW(loader.load_state_dict(state));
        continue;
      }
      const std::string message = message_of<FormatError>([&] { loader.load_state_dict(state); });
      const bool both = samplers[saved] != nullptr && samplers[taken] != nullptr;
      const std::string fault =
          both ? "'sampler' must be that of " + samplers[taken]->describe() + ", not that of another" : "'shuffle'";
      EXPECT_TRUE(contains(message, fault)) << message;
    }
  }
}

TEST(SequentialAndRandomSampler, AreWhatShuffleChoosesBetween) {
  const auto dataset = std::make_shared<TensorDataset>(Tensor::from(ascending(50), {50}), Tensor::zeros({50}));
  const auto first_epoch = [&](const DataLoaderOptions& options) {
    DataLoader loader(dataset, options);
    const Tensor x = loader.begin()->x;
    return Order(x.span<int64_t>().begin(), x.span<int64_t>().end());
  };
  const Order random = RandomSampler().order({.samples = 50, .seed = 3});
  EXPECT_EQ(first_epoch({.seed = 3}), random);
  EXPECT_EQ(sorted(random), ascending(50));
  EXPECT_EQ(first_epoch({.shuffle = false, .seed = 3}), ascending(50));
  EXPECT_EQ(first_epoch({.sampler = std::make_shared<SequentialSampler>(), .seed = 3}), ascending(50));
}

TEST(SubsetSampler, GivesItsIndicesShuffledOrAsTheyAre) {
  const Order indices = {5, 9, 2, 2, 7, 11, 30, 31};
  EXPECT_EQ(SubsetSampler({.indices = indices, .shuffle = false}).order({.samples = 40, .seed = 1}), indices);
  const Order shuffled = SubsetSampler({.indices = indices}).order({.samples = 40, .seed = 1});
  EXPECT_NE(shuffled, indices);
  EXPECT_EQ(sorted(shuffled), sorted(indices));
}

// Bounds of six standard deviations of a binomial count.
void expect_share(int64_t count, int64_t draws, double p) {
  const auto n = static_cast<double>(draws);
  EXPECT_NEAR(static_cast<double>(count), n * p, 6 * std::sqrt(n * p * (1 - p)));
}

TEST(WeightedRandomSampler, DrawsInProportionToTheWeights) {
  const std::vector<double> weights = {0, 1, 3, 0, 0.5, 5.5, 0};
  const WeightedRandomSampler sampler({.weights = weights, .num_samples = 100'000});
  std::vector<int64_t> counts(weights.size());
  for (const int64_t i : sampler.order({.samples = 7, .seed = 2})) ++counts[static_cast<size_t>(i)];
  for (size_t i = 0; i < weights.size(); ++i) expect_share(counts[i], 100'000, weights[i] / 10);
}

TEST(WeightedRandomSampler, WithoutReplacementDrawsAmongWhatIsLeft) {
  // The probability of (first, second) is w_first / 10 * w_second / (10 - w_first).
  const std::vector<double> weights = {1, 2, 0, 7};
  const WeightedRandomSampler sampler({.weights = weights, .num_samples = 2, .replacement = false});
  constexpr int64_t kEpochs = 30'000;
  std::vector<std::vector<int64_t>> counts(4, std::vector<int64_t>(4));
  for (int64_t epoch = 0; epoch < kEpochs; ++epoch) {
    const Order order = sampler.order({.samples = 4, .seed = 9, .epoch = epoch});
    ++counts[static_cast<size_t>(order[0])][static_cast<size_t>(order[1])];
  }
  for (size_t i = 0; i < 4; ++i) {
    for (size_t j = 0; j < 4; ++j) {
      expect_share(counts[i][j], kEpochs, i == j ? 0 : weights[i] / 10 * weights[j] / (10 - weights[i]));
    }
  }
}

TEST(WeightedRandomSampler, WithoutReplacementGivesEachPositiveWeightOnceWhereAllAreAskedFor) {
  const WeightedRandomSampler sampler({.weights = {2, 0, 1e-300, 1e300, 5}, .num_samples = 4, .replacement = false});
  EXPECT_EQ(sorted(sampler.order({.samples = 5, .seed = 1})), (Order{0, 2, 3, 4}));
}

TEST(WeightedRandomSampler, TakesTheSmallestAndTheLargestWeights) {
  const double tiny = std::numeric_limits<double>::denorm_min();
  const double huge = std::numeric_limits<double>::max();
  for (const double weight : {tiny, huge}) {
    const WeightedRandomSampler sampler({.weights = {0, weight, 0, weight, 0}, .num_samples = 200});
    const Order order = sampler.order({.samples = 5, .seed = 1});
    EXPECT_EQ(std::set<int64_t>(order.begin(), order.end()), (std::set<int64_t>{1, 3}));
  }
}

TEST(Samplers, RefuseSettingsThatCannotBe) {
  using Weighted = WeightedRandomSamplerOptions;
  const double nan = std::nan("");
  for (const Weighted& options :
       {Weighted{.weights = {}}, Weighted{.weights = {0, 0}}, Weighted{.weights = {1, -1}},
        Weighted{.weights = {1, nan}}, Weighted{.weights = {1, HUGE_VAL}}, Weighted{.weights = {1}, .num_samples = -1},
        Weighted{.weights = {1, 0, 1}, .num_samples = 3, .replacement = false}}) {
    EXPECT_THROW(WeightedRandomSampler{options}, ConfigError) << options.weights.size();
  }
  EXPECT_THROW(SubsetSampler({.indices = {3, -1}}), ConfigError);
}

TEST(Samplers, RefuseADataSetThatTheyDoNotFit) {
  const auto dataset = std::make_shared<TensorDataset>(Tensor::zeros({4}), Tensor::zeros({4}));
  EXPECT_THROW(DataLoader(dataset, {.sampler = std::make_shared<WeightedRandomSampler>(
                                        WeightedRandomSamplerOptions{.weights = {1, 1, 1}})}),
               ConfigError);
  EXPECT_THROW(
      DataLoader(dataset, {.sampler = std::make_shared<SubsetSampler>(SubsetSamplerOptions{.indices = {1, 4}})}),
      ConfigError);
}

// Says one thing and does another.
class LyingSampler final : public Sampler {
 public:
  explicit LyingSampler(Order order) : order_(std::move(order)) {}
  int64_t size(int64_t samples) const override { return samples; }
  Order order(const EpochInfo&) const override { return order_; }
  std::string describe() const override { return "LyingSampler"; }

 private:
  Order order_;
};

template <class Error>
void expect_refused(const Order& order) {
  const auto dataset = std::make_shared<TensorDataset>(Tensor::zeros({3}), Tensor::zeros({3}));
  DataLoader loader(dataset, {.batch_size = 1, .sampler = std::make_shared<LyingSampler>(order)});
  EXPECT_TRUE(contains(message_of<Error>([&] { loader.begin(); }), "LyingSampler"));
  EXPECT_EQ(loader.epoch(), 0);
}

TEST(Samplers, ThatGiveOtherSamplesThanTheyMayAreRefusedByTheLoader) {
  for (const Order& order : {Order{0, 1}, Order{0, 1, 2, 2}}) expect_refused<ShapeError>(order);
  for (const Order& order : {Order{0, 1, 3}, Order{0, -1, 2}}) expect_refused<IndexError>(order);
}

}  // namespace
}  // namespace gossamer::data::test_sampler
