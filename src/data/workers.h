// Threads that make the batches of an epoch ahead of the one who takes them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "data/epoch.h"

namespace gossamer::data {

// Workers claim the numbers of batches in order, at most workers * prefetch beyond the last one taken. Batches come out
// in order, whoever was faster. Destruction waits for the batches that are being made, and no others.
class Workers {
 public:
  // From batch `first` on. Throws StateError when the system gives no thread.
  Workers(EpochPlan plan, int64_t first, int64_t workers, int64_t prefetch);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // The next batch; none at the end. Rethrows what its making threw.
  std::optional<Batch> next();

 private:
  void start(int64_t workers);
  void stop() noexcept;
  void work() noexcept;
  std::optional<int64_t> claim() noexcept;
  void give_up(int64_t number) noexcept;

  const EpochPlan plan_;
  const int64_t depth_;
  std::mutex mutex_;
  std::condition_variable room_;            // for workers
  std::condition_variable ready_;           // for the one who takes
  std::deque<std::optional<Batch>> slots_;  // of the batches from taken_ to claimed_; empty while one is being made
  int64_t taken_;
  int64_t claimed_;
  int64_t limit_;               // batches that come: all, or those before the first that failed
  std::exception_ptr failure_;  // of batch limit_
  bool stopping_ = false;
  std::vector<std::jthread> threads_;  // last: joined before anything they use is gone
};

}  // namespace gossamer::data
