// Forks: what a child process must know of the process that it was copied from, whose other threads it has not.
#pragma once

#include <atomic>

namespace gossamer::rt {

// Counts the forks between the process that loaded the library and this one.
unsigned fork_generation() noexcept;

// A mutex for what is built once and published in the end by one store. Where a fork has lost its owner, the next one
// takes it over and builds anew; a mutex of the standard library would stay locked for ever.
class ForkMutex {
 public:
  void lock() noexcept {
    const unsigned mine = 2 * fork_generation() + 1;
    unsigned held = 0;
    while (!word_.compare_exchange_weak(held, mine, std::memory_order_acquire, std::memory_order_relaxed)) {
      if (held != mine) continue;  // free, or its owner is lost
      word_.wait(mine, std::memory_order_relaxed);
      held = 0;
    }
  }
  void unlock() noexcept {
    word_.store(0, std::memory_order_release);
    word_.notify_one();
  }

 private:
  std::atomic<unsigned> word_{0};  // 0: free; otherwise odd, and tells in which process it was locked
};

}  // namespace gossamer::rt
