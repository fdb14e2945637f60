// DataLoader: the batches of a dataset, epoch after epoch, in a sampler's order and prepared ahead by threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>

#include "gossamer/data/dataset.h"
#include "gossamer/data/sampler.h"
#include "gossamer/data/transform.h"
#include "gossamer/state_dict.h"

#pragma GCC visibility push(default)
namespace gossamer::data {

struct DataLoaderOptions {
  int64_t batch_size = 128;
  // In a new order each epoch, or in that of the dataset. A sampler takes its place.
  bool shuffle = true;
  // Which samples, in what order: a function of (seed, epoch) alone.
  std::shared_ptr<const Sampler> sampler = nullptr;
  // Leaves out the last batch of an epoch when it is smaller than batch_size.
  bool drop_last = false;
  // Of the order, and of what transforms choose at random.
  uint64_t seed = 0;
  // What is done to each batch, by the thread that gathers it.
  Transform transform = nullptr;
  // Batches kept ready for each worker; 0 gathers in the calling thread.
  int64_t prefetch = 2;
  // Threads that gather ahead; 0 gathers in the calling thread. The batches and their order are the same for any
  // number.
  int64_t workers = 1;
};

// Each pass over the loader is an epoch:
//   for (auto& batch : loader) { ... batch.x, batch.y ... }
// A pass may be left early, and may outlive the loader. It is used from one thread at a time. A copy of the loader
// takes over its options and its next epoch, not a pass that runs. In the child of a fork a pass that prefetches cannot
// go on (StateError); a new one can begin.
class DataLoader {
 public:
  class Iterator;

  // Throws ConfigError when there is no dataset, batch_size < 1, prefetch < 0 or workers < 0, or the sampler does not
  // fit the dataset.
  explicit DataLoader(std::shared_ptr<const Dataset> dataset, const DataLoaderOptions& options = {});
  DataLoader(const DataLoader& other);
  DataLoader& operator=(const DataLoader& other);
  DataLoader(DataLoader&&) noexcept = default;
  DataLoader& operator=(DataLoader&&) noexcept = default;
  ~DataLoader() = default;

  // Starts epoch() and counts it up. What the dataset or the transform throws, in whatever thread, is rethrown here or
  // by the iterator's increment, after the batches before it. Throws StateError where a worker cannot be started;
  // ShapeError where the sampler gives another number of samples than it said, IndexError for one that is not there.
  Iterator begin();
  std::default_sentinel_t end() const { return {}; }

  // Batches per epoch.
  int64_t size() const;
  // The epoch that the next pass runs, from 0.
  int64_t epoch() const { return epoch_; }
  // Resumes at the start of an epoch. Throws ConfigError when epoch < 0.
  void set_epoch(int64_t epoch);

  // Where the latest pass is, for a resumed run; between passes, at the start of the next. i64 scalars:
  //   epoch, batch                        the epoch of the pass, and how many of its batches were given out: the batch
  //                                       in hand counts as done
  //   samples, batch_size, shuffle, seed  what the order depends on besides
  //   sampler                             in place of shuffle where there is one: a hash of its description
  // The transform is not looked at.
  StateDict state_dict() const;
  // Takes up a state_dict(): the next pass gives the batches that remained, bit for bit, and none where the last one
  // had been given out; the passes after it are whole. Passes that run already go on as they are. Throws FormatError
  // listing everything that does not fit, such as another batch_size or seed, before anything changes.
  void load_state_dict(const StateDict& dict);

 private:
  // Where a pass is; shared with its iterator, which lets go of it at the end.
  struct Position {
    int64_t epoch = 0;
    int64_t batch = 0;
  };

  std::shared_ptr<const Dataset> dataset_;
  DataLoaderOptions options_;
  std::shared_ptr<const Sampler> sampler_;  // the one of the options, or that of shuffle
  int64_t epoch_ = 0;
  int64_t first_batch_ = 0;             // of the next pass
  std::weak_ptr<const Position> pass_;  // the latest
};

// A move-only input iterator. Destroying it ends its epoch.
class DataLoader::Iterator {
 public:
  using difference_type = std::ptrdiff_t;
  using value_type = Batch;

  Iterator() noexcept;  // at the end
  Iterator(Iterator&&) noexcept;
  Iterator& operator=(Iterator&&) noexcept;
  ~Iterator();

  // Valid until the increment; may be moved from.
  Batch& operator*() const;
  Batch* operator->() const { return &**this; }
  // If it throws, the iterator is at the end.
  Iterator& operator++();
  void operator++(int) { ++*this; }
  bool operator==(std::default_sentinel_t) const noexcept { return epoch_ == nullptr; }

 private:
  friend class DataLoader;
  class Epoch;
  explicit Iterator(std::unique_ptr<Epoch> epoch) noexcept;

  std::unique_ptr<Epoch> epoch_;  // null at the end
};

}  // namespace gossamer::data
#pragma GCC visibility pop
