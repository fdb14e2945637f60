// DataLoader: order, epochs, prefetch on a thread, and what happens when a pass ends before its last batch.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gossamer/data/loader.h"
#include "gossamer/error.h"
#include "tests/data/support.h"

namespace gossamer::data::test_loader {
namespace {

static_assert(std::input_iterator<DataLoader::Iterator>);
static_assert(std::ranges::input_range<DataLoader>);

struct Ahead {
  int64_t prefetch, workers;
};
constexpr Ahead kAhead[] = {{0, 1}, {1, 1}, {2, 1}, {7, 1}, {2, 0}, {1, 3}, {4, 2}};

// Sample i is x = i and y = i. Counts its calls, and fails when it meets the sample `broken`.
class CountingDataset final : public Dataset {
 public:
  explicit CountingDataset(int64_t size, int64_t broken = -1) : size_(size), broken_(broken) {}

  int64_t size() const override { return size_; }
  Batch gather(std::span<const int64_t> indices) const override {
    if (std::ranges::count(indices, broken_) > 0) throw FormatError("sample " + std::to_string(broken_) + " is broken");
    const Shape shape{static_cast<int64_t>(indices.size())};
    Batch batch{.x = Tensor::empty(shape), .y = Tensor::from(indices, shape)};
    std::ranges::copy(indices, batch.x.mutable_data<float>());
    ++gathered_;
    gathered_.notify_all();
    return batch;
  }

  int64_t gathered() const { return gathered_; }
  void wait_until_gathered(int64_t count) const {
    for (int64_t now = gathered_; now < count; now = gathered_) gathered_.wait(now);
  }

 private:
  int64_t size_;
  int64_t broken_;
  mutable std::atomic<int64_t> gathered_ = 0;
};

std::vector<int64_t> labels_of(const Batch& batch) {
  return {batch.y.span<int64_t>().begin(), batch.y.span<int64_t>().end()};
}

// The labels of the next epoch, batch by batch.
std::vector<std::vector<int64_t>> batches_of(DataLoader& loader) {
  std::vector<std::vector<int64_t>> batches;
  for (const Batch& batch : loader) batches.push_back(labels_of(batch));
  return batches;
}

std::vector<int64_t> order_of(DataLoader& loader) {
  std::vector<int64_t> order;
  for (const auto& batch : batches_of(loader)) order.insert(order.end(), batch.begin(), batch.end());
  return order;
}

std::vector<int64_t> ascending(int64_t n) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  return order;
}

DataLoader make_loader(int64_t samples, const DataLoaderOptions& options) {
  return DataLoader(std::make_shared<CountingDataset>(samples), options);
}

TEST(DataLoader, GivesEverySampleOncePerEpoch) {
  for (const Ahead& ahead : kAhead) {
    DataLoader loader =
        make_loader(103, {.batch_size = 10, .seed = 1, .prefetch = ahead.prefetch, .workers = ahead.workers});
    for (int epoch = 0; epoch < 3; ++epoch) {
      std::vector<int64_t> order = order_of(loader);
      EXPECT_NE(order, ascending(103));
      std::ranges::sort(order);
      EXPECT_EQ(order, ascending(103));
    }
  }
}

TEST(DataLoader, KeepsInputsAndTargetsTogether) {
  DataLoader loader = make_loader(50, {.batch_size = 8, .seed = 1});
  for (auto& batch : loader) {
    EXPECT_TRUE(std::ranges::equal(batch.x.span<float>(), batch.y.span<int64_t>()));
  }
}

TEST(DataLoader, CutsTheLastBatchShortOrDropsIt) {
  struct Case {
    int64_t samples, batch_size;
    bool drop_last;
    std::vector<size_t> sizes;
  };
  const Case cases[] = {
      {10, 4, false, {4, 4, 2}}, {10, 4, true, {4, 4}},
      {8, 4, false, {4, 4}},     {8, 4, true, {4, 4}},
      {3, 4, false, {3}},        {3, 4, true, {}},
      {0, 4, false, {}},         {3, std::numeric_limits<int64_t>::max(), false, {3}},
  };
  for (const Case& c : cases) {
    for (const Ahead& ahead : kAhead) {
      DataLoader loader = make_loader(
          c.samples,
          {.batch_size = c.batch_size, .drop_last = c.drop_last, .prefetch = ahead.prefetch, .workers = ahead.workers});
      EXPECT_EQ(loader.size(), static_cast<int64_t>(c.sizes.size()));
      std::vector<size_t> sizes;
      for (const auto& batch : batches_of(loader)) sizes.push_back(batch.size());
      EXPECT_EQ(sizes, c.sizes) << c.samples << " samples by " << c.batch_size;
    }
  }
}

TEST(DataLoader, WithoutShuffleKeepsTheOrderOfTheDataset) {
  DataLoader loader = make_loader(20, {.batch_size = 6, .shuffle = false});
  for (int epoch = 0; epoch < 2; ++epoch) EXPECT_EQ(order_of(loader), ascending(20));
}

TEST(DataLoader, OrdersByNothingButSeedAndEpoch) {
  DataLoader first = make_loader(100, {.batch_size = 10, .seed = 7, .prefetch = 2});
  DataLoader second = make_loader(100, {.batch_size = 33, .seed = 7, .prefetch = 0});
  DataLoader other_seed = make_loader(100, {.batch_size = 10, .seed = 8});
  const std::vector<int64_t> epoch0 = order_of(first);
  const std::vector<int64_t> epoch1 = order_of(first);
  EXPECT_NE(epoch0, epoch1);
  EXPECT_EQ(order_of(second), epoch0);
  EXPECT_EQ(order_of(second), epoch1);
  EXPECT_NE(order_of(other_seed), epoch0);
}

TEST(DataLoader, GivesTheSameBatchesForEveryDepthAndNumberOfWorkers) {
  DataLoader synchronous = make_loader(101, {.batch_size = 7, .seed = 3, .prefetch = 0});
  const auto expected = batches_of(synchronous);
  for (const Ahead& ahead : kAhead) {
    DataLoader loader =
        make_loader(101, {.batch_size = 7, .seed = 3, .prefetch = ahead.prefetch, .workers = ahead.workers});
    EXPECT_EQ(batches_of(loader), expected) << ahead.prefetch << " batches, " << ahead.workers << " workers";
  }
}

TEST(DataLoader, ResumesAtAnEpoch) {
  DataLoader unbroken = make_loader(64, {.batch_size = 16, .seed = 5});
  for (int epoch = 0; epoch < 3; ++epoch) order_of(unbroken);
  EXPECT_EQ(unbroken.epoch(), 3);

  DataLoader resumed = make_loader(64, {.batch_size = 16, .seed = 5});
  resumed.set_epoch(3);
  EXPECT_EQ(order_of(resumed), order_of(unbroken));
  EXPECT_EQ(resumed.epoch(), 4);
}

TEST(DataLoader, ShufflesWithoutBias) {
  // Each of the 24 orders of four samples should come up 1000 times in 24000 epochs; the standard deviation is 31.
  DataLoader loader = make_loader(4, {.batch_size = 4, .seed = 11, .prefetch = 0});
  std::map<std::vector<int64_t>, int> counts;
  for (int epoch = 0; epoch < 24000; ++epoch) ++counts[order_of(loader)];
  EXPECT_EQ(counts.size(), 24U);
  for (const auto& [order, count] : counts) EXPECT_NEAR(count, 1000, 150);
}

TEST(DataLoader, WorksAheadByNoMoreThanItsDepth) {
  for (const Ahead& ahead : {Ahead{3, 1}, Ahead{1, 3}, Ahead{2, 2}}) {
    const int64_t depth = ahead.prefetch * ahead.workers;
    const auto dataset = std::make_shared<CountingDataset>(40);
    DataLoader loader(dataset, {.batch_size = 2, .prefetch = ahead.prefetch, .workers = ahead.workers});
    int64_t taken = 0;
    for ([[maybe_unused]] const Batch& batch : loader) {
      ++taken;
      dataset->wait_until_gathered(std::min<int64_t>(taken + depth, loader.size()));
      EXPECT_LE(dataset->gathered(), taken + depth);
    }
    EXPECT_EQ(taken, 20);
  }
}

// A batch is made only when as many threads as there are workers make one.
class MeetingDataset final : public Dataset {
 public:
  explicit MeetingDataset(int64_t workers) : meeting_(workers) {}
  int64_t size() const override { return 24; }
  Batch gather(std::span<const int64_t> indices) const override {
    meeting_.arrive_and_wait();
    return CountingDataset(size()).gather(indices);
  }

 private:
  mutable std::barrier<> meeting_;
};

TEST(DataLoader, MakesAsManyBatchesAtOnceAsItHasWorkers) {
  DataLoader loader(std::make_shared<MeetingDataset>(3),
                    {.batch_size = 4, .shuffle = false, .prefetch = 1, .workers = 3});
  EXPECT_EQ(order_of(loader), ascending(24));
}

// Early batches take longest; those of the samples in `broken` fail.
class UnevenDataset final : public Dataset {
 public:
  explicit UnevenDataset(std::vector<int64_t> broken = {}) : broken_(std::move(broken)) {}
  int64_t size() const override { return 60; }
  Batch gather(std::span<const int64_t> indices) const override {
    std::this_thread::sleep_for(std::chrono::microseconds(indices[0] % 12 == 0 ? 2000 : 10));
    for (const int64_t i : broken_) {
      if (std::ranges::count(indices, i) > 0) throw FormatError("sample " + std::to_string(i) + " is broken");
    }
    return CountingDataset(size()).gather(indices);
  }

 private:
  std::vector<int64_t> broken_;
};

TEST(DataLoader, KeepsTheOrderWhoeverIsFaster) {
  DataLoader loader(std::make_shared<UnevenDataset>(),
                    {.batch_size = 4, .shuffle = false, .prefetch = 3, .workers = 3});
  for (int epoch = 0; epoch < 3; ++epoch) EXPECT_EQ(order_of(loader), ascending(60));
}

TEST(DataLoader, ThrowsTheFirstFaultInOrderNotInTime) {
  // The batch of 12 is slow to fail, that of 16 fast.
  DataLoader loader(std::make_shared<UnevenDataset>(std::vector<int64_t>{12, 16, 30}),
                    {.batch_size = 4, .shuffle = false, .prefetch = 2, .workers = 3});
  auto pass = loader.begin();
  for (int64_t first = 4; first < 12; first += 4) EXPECT_EQ(labels_of(*++pass).front(), first);
  EXPECT_EQ(message_of<FormatError>([&] { ++pass; }), "sample 12 is broken");
  EXPECT_TRUE(pass == std::default_sentinel);
}

TEST(DataLoader, TransformsBatchesAndRethrowsWhatATransformThrows) {
  for (const Ahead& ahead : kAhead) {
    const Transform negate = [](Batch& batch, const TransformContext& context) {
      ASSERT_TRUE(std::ranges::equal(context.indices, batch.y.span<int64_t>()));
      for (const int64_t i : context.indices) {
        if (i == 9) throw FormatError("nine");
      }
      float* x = batch.x.mutable_data<float>();
      for (size_t i = 0; i < context.indices.size(); ++i) x[i] = -x[i];
    };
    DataLoader loader(
        std::make_shared<CountingDataset>(12),
        {.batch_size = 4, .shuffle = false, .transform = negate, .prefetch = ahead.prefetch, .workers = ahead.workers});
    auto pass = loader.begin();
    EXPECT_EQ(pass->x.data<float>()[3], -3);
    ++pass;
    EXPECT_EQ(pass->x.data<float>()[0], -4);
    EXPECT_EQ(message_of<FormatError>([&] { ++pass; }), "nine");
  }
}

TEST(DataLoader, GathersOnDemandWithoutPrefetch) {
  const auto dataset = std::make_shared<CountingDataset>(40);
  DataLoader loader(dataset, {.batch_size = 2, .prefetch = 0});
  int64_t taken = 0;
  for ([[maybe_unused]] const Batch& batch : loader) EXPECT_EQ(dataset->gathered(), ++taken);
}

TEST(DataLoader, CanBeLeftEarlyAndGoesOnWithTheNextEpoch) {
  for (const Ahead& ahead : kAhead) {
    DataLoader whole =
        make_loader(60, {.batch_size = 4, .seed = 9, .prefetch = ahead.prefetch, .workers = ahead.workers});
    order_of(whole);
    DataLoader left =
        make_loader(60, {.batch_size = 4, .seed = 9, .prefetch = ahead.prefetch, .workers = ahead.workers});
    for ([[maybe_unused]] const Batch& batch : left) break;
    EXPECT_EQ(order_of(left), order_of(whole));
  }
}

TEST(DataLoader, MakesNoMoreBatchesOnceAPassIsLeft) {
  // All of them would take seconds.
  class SlowDataset final : public Dataset {
   public:
    int64_t size() const override { return 3000; }
    Batch gather(std::span<const int64_t> indices) const override {
      ++gathered;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      return CountingDataset(size()).gather(indices);
    }
    mutable std::atomic<int64_t> gathered = 0;
  };
  const auto dataset = std::make_shared<SlowDataset>();
  DataLoader loader(dataset, {.batch_size = 1, .prefetch = 1000, .workers = 3});
  loader.begin();
  EXPECT_LT(dataset->gathered, 3000);
}

TEST(DataLoader, FreesTheDatasetWithTheLastUser) {
  for (const Ahead& ahead : kAhead) {
    auto dataset = std::make_shared<CountingDataset>(1000);
    const std::weak_ptr<CountingDataset> watch = dataset;
    std::optional<DataLoader> loader(
        std::in_place, std::move(dataset),
        DataLoaderOptions{.batch_size = 1, .prefetch = ahead.prefetch, .workers = ahead.workers});
    {
      const auto pass = loader->begin();
      loader.reset();
      EXPECT_FALSE(watch.expired());
    }
    EXPECT_TRUE(watch.expired());
  }
}

TEST(DataLoader, MayBeDestroyedOrMovedDuringAPass) {
  for (const Ahead& ahead : kAhead) {
    std::optional<DataLoader> loader =
        make_loader(30, {.batch_size = 4, .seed = 2, .prefetch = ahead.prefetch, .workers = ahead.workers});
    DataLoader reference = *loader;
    const std::vector<int64_t> expected = order_of(reference);

    auto pass = loader->begin();
    DataLoader moved = std::move(*loader);
    loader.reset();
    std::vector<int64_t> order;
    for (; pass != std::default_sentinel; ++pass) std::ranges::copy(labels_of(*pass), std::back_inserter(order));
    EXPECT_EQ(order, expected);
    EXPECT_EQ(moved.epoch(), 1);
    EXPECT_EQ(order_of(moved), order_of(reference));
  }
}

TEST(DataLoader, RunsTwoPassesSideBySide) {
  DataLoader loader = make_loader(12, {.batch_size = 12, .seed = 4});
  DataLoader reference = loader;
  const auto first = loader.begin();
  const auto second = loader.begin();
  EXPECT_EQ(labels_of(*first), order_of(reference));
  EXPECT_EQ(labels_of(*second), order_of(reference));
}

TEST(DataLoader, LetsABatchOutliveItsPass) {
  DataLoader loader = make_loader(6, {.batch_size = 3, .shuffle = false});
  std::vector<Batch> kept;
  for (Batch& batch : loader) kept.push_back(std::move(batch));
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(labels_of(kept[0]), (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(labels_of(kept[1]), (std::vector<int64_t>{3, 4, 5}));
}

TEST(DataLoader, RethrowsWhatTheDatasetThrowsAfterTheBatchesBefore) {
  for (const Ahead& ahead : kAhead) {
    DataLoader loader(std::make_shared<CountingDataset>(40, /*broken=*/25),
                      {.batch_size = 10, .shuffle = false, .prefetch = ahead.prefetch, .workers = ahead.workers});
    auto pass = loader.begin();
    EXPECT_EQ(labels_of(*pass).front(), 0);
    ++pass;
    EXPECT_EQ(labels_of(*pass).front(), 10);
    EXPECT_EQ(message_of<FormatError>([&] { ++pass; }), "sample 25 is broken");
    EXPECT_TRUE(pass == std::default_sentinel);
  }
}

TEST(DataLoader, KeepsItsEpochWhenTheFirstBatchFails) {
  for (const Ahead& ahead : kAhead) {
    DataLoader loader(std::make_shared<CountingDataset>(4, /*broken=*/0),
                      {.batch_size = 4, .prefetch = ahead.prefetch, .workers = ahead.workers});
    loader.set_epoch(6);
    EXPECT_THROW(loader.begin(), FormatError);
    EXPECT_EQ(loader.epoch(), 6);
  }
}

TEST(DataLoaderState, ResumesInTheMiddleOfAnEpochWithTheBatchesThatRemained) {
  const DataLoaderOptions options{.batch_size = 4, .seed = 6};
  DataLoader unbroken = make_loader(18, options);
  order_of(unbroken);
  const auto epoch1 = batches_of(unbroken);
  const auto epoch2 = batches_of(unbroken);
  for (const Ahead& ahead : kAhead) {
    for (size_t done = 0; done <= epoch1.size(); ++done) {
      DataLoaderOptions with_depth = options;
      with_depth.prefetch = ahead.prefetch;
      with_depth.workers = ahead.workers;
      DataLoader saved = make_loader(18, with_depth);
      order_of(saved);
      StateDict state = saved.state_dict();
      size_t taken = 0;
      for ([[maybe_unused]] const Batch& batch : saved) {
        if (taken++ < done) state = saved.state_dict();
      }
      EXPECT_EQ(state.at("epoch").item<int64_t>(), 1);
      EXPECT_EQ(state.at("batch").item<int64_t>(), static_cast<int64_t>(done));

      DataLoader resumed = make_loader(18, with_depth);
      resumed.load_state_dict(state);
      EXPECT_EQ(resumed.epoch(), 1);
      EXPECT_EQ(batches_of(resumed), std::vector(epoch1.begin() + static_cast<std::ptrdiff_t>(done), epoch1.end()));
      EXPECT_EQ(batches_of(resumed), epoch2);
    }
  }
}

TEST(DataLoaderState, BetweenPassesIsAtTheStartOfTheNext) {
  const auto position = [](const DataLoader& loader) {
    const StateDict state = loader.state_dict();
    return std::pair(state.at("epoch").item<int64_t>(), state.at("batch").item<int64_t>());
  };
  DataLoader loader = make_loader(9, {.batch_size = 3});
  EXPECT_EQ(position(loader), std::pair(int64_t{0}, int64_t{0}));
  order_of(loader);
  EXPECT_EQ(position(loader), std::pair(int64_t{1}, int64_t{0}));
  {
    const auto pass = loader.begin();
    EXPECT_EQ(position(loader), std::pair(int64_t{1}, int64_t{1}));
    EXPECT_EQ(position(DataLoader(loader)), std::pair(int64_t{2}, int64_t{0}));  // a copy has no pass
    const DataLoader moved = std::move(loader);
    EXPECT_EQ(position(moved), std::pair(int64_t{1}, int64_t{1}));
    loader = moved;
  }
  EXPECT_EQ(position(loader), std::pair(int64_t{2}, int64_t{0}));
  const StateDict middle = [&] {
    const auto pass = loader.begin();
    return loader.state_dict();
  }();
  loader.load_state_dict(middle);
  EXPECT_EQ(position(loader), std::pair(int64_t{2}, int64_t{1}));
  loader.set_epoch(7);
  EXPECT_EQ(position(loader), std::pair(int64_t{7}, int64_t{0}));
}

TEST(DataLoaderState, OfAnotherOrderIsAFormatErrorThatChangesNothing) {
  const StateDict state = make_loader(10, {.batch_size = 4, .seed = 3}).state_dict();
  DataLoader other = make_loader(11, {.batch_size = 5, .shuffle = false, .seed = 4});
  other.set_epoch(2);
  StateDict bad = state;
  bad["epoch"] = Tensor::from<int64_t>({-1}, Shape{});
  bad["batch"] = Tensor::from<int64_t>({4}, Shape{});
  bad["extra"] = Tensor::zeros({});
  const std::string message = message_of<FormatError>([&] { other.load_state_dict(bad); });
  for (const char* fault : {"'epoch' must be 0 or more, not -1", "'batch' must be from 0 to 3, not 4",
                            "'samples' must be 11, not 10", "'batch_size' must be 5, not 4",
                            "'shuffle' must be 0, not 1", "'seed' must be 4, not 3", "'extra' is unexpected"}) {
    EXPECT_TRUE(contains(message, fault)) << fault << " is not in " << message;
  }
  EXPECT_EQ(other.epoch(), 2);
}

TEST(DataLoader, RefusesSettingsOutOfRange) {
  const auto dataset = std::make_shared<CountingDataset>(4);
  EXPECT_THROW(DataLoader(nullptr), ConfigError);
  EXPECT_THROW(DataLoader(dataset, {.batch_size = 0}), ConfigError);
  EXPECT_THROW(DataLoader(dataset, {.prefetch = -1}), ConfigError);
  EXPECT_THROW(DataLoader(dataset, {.workers = -1}), ConfigError);
  DataLoader loader(dataset);
  loader.set_epoch(2);
  EXPECT_THROW(loader.set_epoch(-1), ConfigError);
  EXPECT_EQ(loader.epoch(), 2);
}

}  // namespace
}  // namespace gossamer::data::test_loader
