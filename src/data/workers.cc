#include "data/workers.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <system_error>
#include <utility>

#include "gossamer/error.h"
#include "runtime/check.h"

namespace gossamer::data {

Workers::Workers(EpochPlan plan, int64_t first, int64_t workers, int64_t prefetch)
    : plan_(std::move(plan)),
      depth_(prefetch > std::numeric_limits<int64_t>::max() / workers ? std::numeric_limits<int64_t>::max()
                                                                      : workers * prefetch),
      taken_(first),
      claimed_(first),
      limit_(plan_.batches()) {
  start(std::min(workers, limit_ - first));
}

Workers::~Workers() { stop(); }

std::optional<Batch> Workers::next() {
  std::unique_lock lock(mutex_);
  ready_.wait(lock, [this] { return taken_ == limit_ || (!slots_.empty() && slots_.front().has_value()); });
  if (taken_ == limit_) {
    if (failure_) std::rethrow_exception(failure_);
    return std::nullopt;
  }
  std::optional<Batch> batch = std::move(slots_.front());
  slots_.pop_front();
  ++taken_;
  room_.notify_one();
  return batch;
}

void Workers::start(int64_t workers) {
  try {
    for (int64_t i = 0; i < workers; ++i) threads_.emplace_back([this] { work(); });
  } catch (const std::system_error& error) {
    stop();
    fail<StateError>("DataLoader", "the system must start the threads that prefetch", error.code().message(),
                     "use fewer workers, or prefetch 0 to gather in the calling thread");
  } catch (...) {
    stop();
    throw;
  }
}

void Workers::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  room_.notify_all();
}

void Workers::work() noexcept {
  while (const std::optional<int64_t> number = claim()) {
    try {
      Batch batch = plan_.make(*number);
      const std::lock_guard lock(mutex_);
      slots_[static_cast<size_t>(*number - taken_)] = std::move(batch);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      give_up(*number);
    }
    ready_.notify_one();
  }
}

// The next number, as soon as there is room for its batch; none when there is nothing left to do.
std::optional<int64_t> Workers::claim() noexcept {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [this] { return stopping_ || claimed_ >= limit_ || claimed_ - taken_ < depth_; });
  if (stopping_ || claimed_ >= limit_) return std::nullopt;
  try {
    slots_.emplace_back();
  } catch (...) {
    give_up(claimed_);
    ready_.notify_one();
    return std::nullopt;
  }
  return claimed_++;
}

// Ends the epoch before batch `number` with the exception in flight, unless it ends earlier already. All batches before
// are claimed, and come.
void Workers::give_up(int64_t number) noexcept {
  if (number >= limit_) return;
  limit_ = number;
  failure_ = std::current_exception();
  room_.notify_all();
}

}  // namespace gossamer::data
