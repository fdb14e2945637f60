// One epoch of a DataLoader: its order, its batches, and the thread that gathers them ahead.
#include "gossamer/data/loader.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/random.h"
#include "runtime/check.h"
#include "runtime/fork.h"
#include "tensor/state_reader.h"

namespace gossamer::data {
namespace {

// A permutation of [0, n), every one equally likely (Fisher and Yates).
void shuffle(std::vector<int64_t>& order, uint64_t key) {
  uint64_t draws = 0;
  for (uint64_t left = order.size(); left > 1; --left) {
    // Below 2^64 mod `left` a draw is thrown away: with those, small remainders would come more often.
    const uint64_t reject_below = (0 - left) % left;
    uint64_t bits = random_bits(key, draws++);
    while (bits < reject_below) bits = random_bits(key, draws++);
    std::swap(order[left - 1], order[bits % left]);
  }
}

int64_t count_batches(int64_t samples, const DataLoaderOptions& options) {
  const bool has_rest = samples % options.batch_size != 0;
  return samples / options.batch_size + (has_rest && !options.drop_last ? 1 : 0);
}

// The batches of one epoch in order, gathered when asked for.
class BatchSequence {
 public:
  // From batch number `first` on.
  BatchSequence(std::shared_ptr<const Dataset> dataset, const DataLoaderOptions& options, int64_t epoch, int64_t first)
      : dataset_(std::move(dataset)),
        batch_size_(options.batch_size),
        order_(static_cast<size_t>(dataset_->size())),
        batches_(count_batches(dataset_->size(), options)),
        position_(first) {
    std::iota(order_.begin(), order_.end(), int64_t{0});
    if (options.shuffle) shuffle(order_, derive_key(options.seed, "epoch", epoch));
  }

  std::optional<Batch> next() {
    if (position_ >= batches_) return std::nullopt;
    const std::span rest = std::span<const int64_t>(order_).subspan(static_cast<size_t>(position_ * batch_size_));
    ++position_;
    return dataset_->gather(rest.first(std::min(rest.size(), static_cast<size_t>(batch_size_))));
  }

 private:
  std::shared_ptr<const Dataset> dataset_;
  int64_t batch_size_;
  std::vector<int64_t> order_;
  int64_t batches_;
  int64_t position_;
};

// Runs a sequence on a thread, at most `depth` batches ahead of the consumer. Destruction stops the thread after the
// batch that it is gathering.
class Prefetcher {
 public:
  Prefetcher(BatchSequence sequence, size_t depth) : depth_(depth), sequence_(std::move(sequence)), thread_(start()) {}

  std::optional<Batch> next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !ready_.empty() || finished_; });
    if (ready_.empty()) {
      if (failure_) std::rethrow_exception(failure_);
      return std::nullopt;
    }
    std::optional<Batch> batch = std::move(ready_.front());
    ready_.pop_front();
    changed_.notify_one();
    return batch;
  }

 private:
  std::jthread start() {
    try {
      return std::jthread([this](const std::stop_token& stop) { produce(stop); });
    } catch (const std::system_error& error) {
      fail<StateError>("DataLoader", "the system must start a thread that prefetches", error.code().message(),
                       "use prefetch 0 to gather in the calling thread");
    }
  }

  void produce(const std::stop_token& stop) noexcept {
    std::exception_ptr failure;
    try {
      while (wait_for_room(stop)) {
        std::optional<Batch> batch = sequence_.next();
        if (!batch) break;
        const std::lock_guard lock(mutex_);
        ready_.push_back(std::move(*batch));
        changed_.notify_one();
      }
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    failure_ = std::move(failure);
    finished_ = true;
    changed_.notify_one();
  }

  // False when the consumer is gone.
  bool wait_for_room(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    return changed_.wait(lock, stop, [this] { return ready_.size() < depth_; }) && !stop.stop_requested();
  }

  const size_t depth_;
  BatchSequence sequence_;  // the thread's own
  std::mutex mutex_;
  // One variable serves both sides: with depth >= 1 the queue is never full and empty, so only one side can wait.
  std::condition_variable_any changed_;
  std::deque<Batch> ready_;
  std::exception_ptr failure_;
  bool finished_ = false;
  std::jthread thread_;  // last: joined before anything it uses is gone
};

}  // namespace

class DataLoader::Iterator::Epoch {
 public:
  Epoch(BatchSequence sequence, int64_t prefetch, std::shared_ptr<Position> position) : position_(std::move(position)) {
    if (prefetch > 0) {
      prefetcher_ = std::make_unique<Prefetcher>(std::move(sequence), static_cast<size_t>(prefetch));
    } else {
      sequence_.emplace(std::move(sequence));
    }
  }

  ~Epoch() {
    // Without its thread, what the thread had in hand can be neither joined nor safely freed.
    if (has_lost_its_thread()) static_cast<void>(prefetcher_.release());
  }
  Epoch(const Epoch&) = delete;
  Epoch& operator=(const Epoch&) = delete;

  // Moves on to the next batch; false when there is none.
  bool advance() {
    if (has_lost_its_thread()) {
      fail<StateError>("DataLoader", "an epoch must end in the process in which it began",
                       "one that prefetches, continued in the child of a fork",
                       "begin a new epoch in the child, or set prefetch = 0");
    }
    std::optional<Batch> next = prefetcher_ ? prefetcher_->next() : sequence_->next();
    if (!next) return false;
    current_ = std::move(*next);
    ++position_->batch;
    return true;
  }

  Batch& current() { return current_; }

 private:
  bool has_lost_its_thread() const { return prefetcher_ != nullptr && generation_ != rt::fork_generation(); }

  const unsigned generation_ = rt::fork_generation();
  std::optional<BatchSequence> sequence_;   // without prefetch
  std::unique_ptr<Prefetcher> prefetcher_;  // with it
  Batch current_;
  std::shared_ptr<Position> position_;
};

DataLoader::Iterator::Iterator() noexcept = default;
DataLoader::Iterator::Iterator(std::unique_ptr<Epoch> epoch) noexcept : epoch_(std::move(epoch)) {}
DataLoader::Iterator::Iterator(Iterator&&) noexcept = default;
DataLoader::Iterator& DataLoader::Iterator::operator=(Iterator&&) noexcept = default;
DataLoader::Iterator::~Iterator() = default;

Batch& DataLoader::Iterator::operator*() const { return epoch_->current(); }

DataLoader::Iterator& DataLoader::Iterator::operator++() {
  // Held outside meanwhile, so that an exception leaves the iterator at the end.
  std::unique_ptr<Epoch> epoch = std::move(epoch_);
  if (epoch->advance()) epoch_ = std::move(epoch);
  return *this;
}

DataLoader::DataLoader(std::shared_ptr<const Dataset> dataset, const DataLoaderOptions& options)
    : dataset_(std::move(dataset)), options_(options) {
  constexpr std::string_view kOp = "DataLoader";
  if (dataset_ == nullptr) fail<ConfigError>(kOp, "a dataset must be given", "null pointer");
  if (options_.batch_size < 1) {
    fail<ConfigError>(kOp, "batch_size must be at least 1", fmt::format("batch_size {}", options_.batch_size));
  }
  if (options_.prefetch < 0) {
    fail<ConfigError>(kOp, "prefetch must not be negative", fmt::format("prefetch {}", options_.prefetch),
                      "use 0 to gather in the calling thread");
  }
}

DataLoader::DataLoader(const DataLoader& other)
    : dataset_(other.dataset_), options_(other.options_), epoch_(other.epoch_), first_batch_(other.first_batch_) {}

DataLoader& DataLoader::operator=(const DataLoader& other) { return *this = DataLoader(other); }

DataLoader::Iterator DataLoader::begin() {
  auto position = std::make_shared<Position>(Position{epoch_, first_batch_});
  Iterator first(std::make_unique<Iterator::Epoch>(BatchSequence(dataset_, options_, epoch_, first_batch_),
                                                   options_.prefetch, position));
  ++first;
  pass_ = position;
  ++epoch_;
  first_batch_ = 0;
  return first;
}

int64_t DataLoader::size() const { return count_batches(dataset_->size(), options_); }

void DataLoader::set_epoch(int64_t epoch) {
  if (epoch < 0)
    fail<ConfigError>("DataLoader::set_epoch", "epoch must not be negative", fmt::format("epoch {}", epoch));
  epoch_ = epoch;
  first_batch_ = 0;
  pass_.reset();
}

namespace {

// What the order of the batches depends on besides the epoch, by the names in states.
std::vector<std::pair<std::string, int64_t>> order_of(const Dataset& dataset, const DataLoaderOptions& options) {
  return {{"samples", dataset.size()},
          {"batch_size", options.batch_size},
          {"shuffle", options.shuffle ? 1 : 0},
          {"seed", static_cast<int64_t>(options.seed)}};
}

}  // namespace

StateDict DataLoader::state_dict() const {
  const auto pass = pass_.lock();
  StateDict dict;
  dict["epoch"] = state_scalar(pass ? pass->epoch : epoch_);
  dict["batch"] = state_scalar(pass ? pass->batch : first_batch_);
  for (const auto& [name, value] : order_of(*dataset_, options_)) dict[name] = state_scalar(value);
  return dict;
}

void DataLoader::load_state_dict(const StateDict& dict) {
  StateReader reader(dict);
  const auto epoch = reader.scalar<int64_t>("epoch");
  const auto batch = reader.scalar<int64_t>("batch");
  if (epoch < 0) reader.fault("epoch", "0 or more", fmt::format("{}", epoch));
  if (batch < 0 || batch > size()) reader.fault("batch", fmt::format("from 0 to {}", size()), fmt::format("{}", batch));
  for (const auto& [name, value] : order_of(*dataset_, options_)) {
    const auto saved = reader.scalar<int64_t>(name);
    if (saved != value) reader.fault(name, fmt::format("{}", value), fmt::format("{}", saved));
  }
  reader.finish("DataLoader::load_state_dict", "the state must be that of this loader",
                "make the loader with the data set and options of the one that was saved");
  epoch_ = epoch;
  first_batch_ = batch;
  pass_.reset();
}

}  // namespace gossamer::data
