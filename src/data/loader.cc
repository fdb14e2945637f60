// DataLoader: passes over epochs, and the position that is saved.
#include "gossamer/data/loader.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/epoch.h"
#include "data/workers.h"
#include "gossamer/error.h"
#include "gossamer/random.h"
#include "runtime/check.h"
#include "runtime/fork.h"
#include "tensor/state_reader.h"

namespace gossamer::data {

// A pass: batches made when asked for, or by workers.
class DataLoader::Iterator::Epoch {
 public:
  Epoch(EpochPlan plan, const DataLoaderOptions& options, std::shared_ptr<Position> position)
      : position_(std::move(position)) {
    if (options.prefetch > 0 && options.workers > 0) {
      workers_ = std::make_unique<Workers>(std::move(plan), position_->batch, options.workers, options.prefetch);
    } else {
      plan_.emplace(std::move(plan));
    }
  }

  ~Epoch() {
    // Without its threads, what they had in hand can be neither joined nor safely freed.
    if (has_lost_its_threads()) static_cast<void>(workers_.release());
  }
  Epoch(const Epoch&) = delete;
  Epoch& operator=(const Epoch&) = delete;

  // Moves on to the next batch; false when there is none.
  bool advance() {
    if (has_lost_its_threads()) {
      fail<StateError>("DataLoader", "an epoch must end in the process in which it began",
                       "one that prefetches, continued in the child of a fork",
                       "begin a new epoch in the child, or set prefetch = 0");
    }
    std::optional<Batch> next;
    if (workers_) {
      next = workers_->next();
    } else if (position_->batch < plan_->batches()) {
      next = plan_->make(position_->batch);
    }
    if (!next) return false;
    current_ = std::move(*next);
    ++position_->batch;
    return true;
  }

  Batch& current() { return current_; }

 private:
  bool has_lost_its_threads() const { return workers_ != nullptr && generation_ != rt::fork_generation(); }

  const unsigned generation_ = rt::fork_generation();
  std::optional<EpochPlan> plan_;     // without workers
  std::unique_ptr<Workers> workers_;  // with them
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
  if (options_.workers < 0) {
    fail<ConfigError>(kOp, "workers must not be negative", fmt::format("workers {}", options_.workers),
                      "use 0 to gather in the calling thread");
  }
  sampler_ = options_.sampler;
  if (sampler_ == nullptr && options_.shuffle) sampler_ = std::make_shared<RandomSampler>();
  if (sampler_ == nullptr) sampler_ = std::make_shared<SequentialSampler>();
  static_cast<void>(size());  // the sampler refuses a dataset that it does not fit
}

DataLoader::DataLoader(const DataLoader& other)
    : dataset_(other.dataset_),
      options_(other.options_),
      sampler_(other.sampler_),
      epoch_(other.epoch_),
      first_batch_(other.first_batch_) {}

DataLoader& DataLoader::operator=(const DataLoader& other) { return *this = DataLoader(other); }

DataLoader::Iterator DataLoader::begin() {
  auto position = std::make_shared<Position>(Position{epoch_, first_batch_});
  Iterator first(
      std::make_unique<Iterator::Epoch>(EpochPlan(dataset_, options_, *sampler_, epoch_), options_, position));
  ++first;
  pass_ = position;
  ++epoch_;
  first_batch_ = 0;
  return first;
}

int64_t DataLoader::size() const {
  return count_batches(sampler_->size(dataset_->size()), options_.batch_size, options_.drop_last);
}

void DataLoader::set_epoch(int64_t epoch) {
  if (epoch < 0)
    fail<ConfigError>("DataLoader::set_epoch", "epoch must not be negative", fmt::format("epoch {}", epoch));
  epoch_ = epoch;
  first_batch_ = 0;
  pass_.reset();
}

namespace {

// An entry of a state that must be the same in a loader that takes it up.
struct OrderEntry {
  std::string name;
  int64_t value;
  std::string is;  // in a message
};

// What the order of the batches depends on besides the epoch.
std::vector<OrderEntry> order_of(const Dataset& dataset, const DataLoaderOptions& options) {
  std::vector<OrderEntry> entries;
  const auto add = [&](const char* name, int64_t value) { entries.push_back({name, value, fmt::format("{}", value)}); };
  add("samples", dataset.size());
  add("batch_size", options.batch_size);
  add("seed", static_cast<int64_t>(options.seed));
  if (options.sampler == nullptr) {
    add("shuffle", options.shuffle ? 1 : 0);
  } else {
    const std::string text = options.sampler->describe();
    entries.push_back({"sampler", static_cast<int64_t>(derive_key(0, text, 0)), "that of " + text});
  }
  return entries;
}

}  // namespace

StateDict DataLoader::state_dict() const {
  const auto pass = pass_.lock();
  StateDict dict;
  dict["epoch"] = state_scalar(pass ? pass->epoch : epoch_);
  dict["batch"] = state_scalar(pass ? pass->batch : first_batch_);
  for (const OrderEntry& entry : order_of(*dataset_, options_)) dict[entry.name] = state_scalar(entry.value);
  return dict;
}

void DataLoader::load_state_dict(const StateDict& dict) {
  StateReader reader(dict);
  const auto epoch = reader.scalar<int64_t>("epoch");
  const auto batch = reader.scalar<int64_t>("batch");
  if (epoch < 0) reader.fault("epoch", "0 or more", fmt::format("{}", epoch));
  if (batch < 0 || batch > size()) reader.fault("batch", fmt::format("from 0 to {}", size()), fmt::format("{}", batch));
  for (const OrderEntry& entry : order_of(*dataset_, options_)) {
    const auto saved = reader.scalar<int64_t>(entry.name);
    if (saved != entry.value) {
      reader.fault(entry.name, entry.is, entry.name == "sampler" ? "that of another" : fmt::format("{}", saved));
    }
  }
  reader.finish("DataLoader::load_state_dict", "the state must be that of this loader",
                "make the loader with the data set and options of the one that was saved");
  epoch_ = epoch;
  first_batch_ = batch;
  pass_.reset();
}

}  // namespace gossamer::data
