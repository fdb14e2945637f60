// A deliberate data race between two tasks of parallel_for. In a ThreadSanitizer build it must be reported.
#include <atomic>
#include <cstdint>
#include <thread>

#include "gossamer/runtime.h"
#include "runtime/parallel.h"

int main() {
  int64_t shared = 0;
  std::atomic<int> arrived = 0;
  gossamer::with_threads(2, [&] {
    gossamer::rt::parallel_for(2, [&](int64_t) {
      // Relaxed: both tasks run at the same time, on two threads, and nothing orders their writes.
      arrived.fetch_add(1, std::memory_order_relaxed);
      while (arrived.load(std::memory_order_relaxed) < 2) std::this_thread::yield();
      ++shared;
    });
  });
  return 0;
}
