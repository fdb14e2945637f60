// oneTBB behind parallel_for and with_threads: the only file that includes it.
// oneTBB comes without ThreadSanitizer's instrumentation, so its own synchronization looks like races. In a
// ThreadSanitizer build (GOSSAMER_TSAN) this file alone is not instrumented either, and says by hand what the sanitizer
// cannot see: what happens before a loop, in its tasks, and after it. No suppression is needed, and races of tasks
// show.
#include "runtime/parallel.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/mman.h>
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/partitioner.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>

#include "gossamer/error.h"
#include "gossamer/runtime.h"
#include "runtime/check.h"

#ifdef GOSSAMER_TSAN
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
#endif

namespace gossamer {

namespace {

// oneTBB believes in the child of a fork that its workers still exist, and its locks may have been taken. Where the
// library used it before the fork, everything runs on the calling thread after it.
enum class Scheduler { Unused, Used, Lost };
constinit std::atomic<Scheduler> g_scheduler{Scheduler::Unused};

[[maybe_unused]] const int g_registered = pthread_atfork(nullptr, nullptr, [] {
  if (g_scheduler.load(std::memory_order_relaxed) == Scheduler::Used) g_scheduler.store(Scheduler::Lost);
});

// oneTBB ends the process when it cannot start a worker. This many threads can have their stacks, and what glibc's
// malloc maps for each.
int startable_threads(int threads) {
  constexpr size_t kHeapBytes = size_t{64} << 20;
  const size_t worker = tbb::global_control::active_value(tbb::global_control::thread_stack_size) + kHeapBytes;
  for (; threads > 1; --threads) {
    const size_t bytes = static_cast<size_t>(threads - 1) * worker + kHeapBytes;
    void* const trial = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (trial == MAP_FAILED) continue;
    munmap(trial, bytes);
    return threads;
  }
  return 1;
}

void start_scheduler() {
  const int cores = tbb::info::default_concurrency();
  const int threads = startable_threads(cores);
  if (threads < cores) {
    // Never destroyed: for the rest of the process.
    new tbb::global_control(tbb::global_control::max_allowed_parallelism, static_cast<size_t>(threads));
  }
  g_scheduler.store(Scheduler::Used);
}

// False where everything is to run on the calling thread.
bool has_scheduler() {
  const Scheduler scheduler = g_scheduler.load(std::memory_order_relaxed);
  if (scheduler == Scheduler::Unused) start_scheduler();
  return scheduler != Scheduler::Lost;
}

}  // namespace

namespace rt::detail {
namespace {

// What one thread wrote before release() is seen by every thread after acquire().
class SyncPoint {
 public:
#ifdef GOSSAMER_TSAN
  void acquire() { __tsan_acquire(this); }
  void release() { __tsan_release(this); }
#else
  void acquire() {}
  void release() {}
#endif
};

// At the end of a scope, also where it is left by an exception.
struct ReleaseAtEnd {
  SyncPoint& point;
  ~ReleaseAtEnd() { point.release(); }
};
struct AcquireAtEnd {
  SyncPoint& point;
  ~AcquireAtEnd() { point.acquire(); }
};

}  // namespace

void run_tasks(int64_t tasks, TaskFn fn, void* context) {
  if (tasks <= 0) return;
  if (!has_scheduler()) {
    for (int64_t task = 0; task < tasks; ++task) fn(context, task);
    return;
  }
  SyncPoint fork;
  SyncPoint join;
  const AcquireAtEnd loop_end{join};
  fork.release();
  // Tasks round, and flush subnormals, as the calling thread does: oneTBB itself would give them what the arena's first
  // user had set. A context of its own also keeps a cancelled task of the application from leaving out ours.
  tbb::task_group_context group(tbb::task_group_context::isolated);
  group.capture_fp_settings();
  // Isolated: while this thread waits for its own tasks it takes no others, which could find a lock or a thread-local
  // buffer of the caller in use. A deadlock of lazily built plans and the overwriting of scratch are thus impossible.
  tbb::this_task_arena::isolate([&] {
    tbb::parallel_for(
        tbb::blocked_range<int64_t>(0, tasks),
        [&](const tbb::blocked_range<int64_t>& range) {
          fork.acquire();
          const ReleaseAtEnd task_end{join};
          for (int64_t task = range.begin(); task != range.end(); ++task) fn(context, task);
        },
        tbb::simple_partitioner(), group);
  });
}

}  // namespace rt::detail

namespace {

// oneTBB has room for this many on any machine.
int most_threads() { return std::max(256, 2 * tbb::info::default_concurrency()); }

// oneTBB starts no more workers than cores unless a global control says so, and of several controls it obeys the
// lowest: so there is one, for the largest of the counts that are in use.
class ThreadCounts {
 public:
  void add(int threads) {
    const std::scoped_lock lock(mutex_);
    const auto added = counts_.insert(threads);
    try {
      allow();
    } catch (...) {
      counts_.erase(added);
      throw;
    }
  }

  void remove(int threads) noexcept {
    const std::scoped_lock lock(mutex_);
    counts_.erase(counts_.find(threads));
    try {
      allow();
    } catch (...) {
      // The higher limit stays until the next change.
    }
  }

 private:
  void allow() {
    const int largest = counts_.empty() ? 0 : *counts_.rbegin();
    if (largest == allowed_) return;
    std::unique_ptr<tbb::global_control> next;
    if (largest > tbb::info::default_concurrency()) {
      next = std::make_unique<tbb::global_control>(tbb::global_control::max_allowed_parallelism,
                                                   static_cast<size_t>(largest));
    }
    control_.swap(next);
    allowed_ = largest;
  }

  std::mutex mutex_;
  std::multiset<int> counts_;
  std::unique_ptr<tbb::global_control> control_;
  int allowed_ = 0;
};

// Never destroyed: other threads may be in with_threads when the process ends.
ThreadCounts& thread_counts() {
  static ThreadCounts& instance = *new ThreadCounts;
  return instance;
}

}  // namespace

void with_threads(int threads, const std::function<void()>& body) {
  if (!body) fail<ConfigError>("with_threads", "the body must be callable", "an empty function");
  if (threads < 1 || threads > most_threads()) {
    fail<ConfigError>("with_threads", fmt::format("threads must lie in [1, {}]", most_threads()),
                      fmt::format("got {}", threads));
  }
  if (!has_scheduler()) return body();
  if (threads > tbb::info::default_concurrency()) threads = startable_threads(threads);
  struct Counted {
    explicit Counted(int n) : threads(n) { thread_counts().add(threads); }
    ~Counted() { thread_counts().remove(threads); }
    int threads;
  };
  const Counted counted(threads);
  // An application's own global control may be lower; oneTBB would complain of an arena for more.
  const size_t allowed = tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism);
  tbb::task_arena arena(static_cast<int>(std::min(allowed, static_cast<size_t>(threads))));
  arena.execute([&] { body(); });
}

int max_threads() {
  if (g_scheduler.load(std::memory_order_relaxed) == Scheduler::Lost) return 1;
  const auto allowed = tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism);
  return static_cast<int>(std::min<size_t>(allowed, static_cast<size_t>(tbb::this_task_arena::max_concurrency())));
}

}  // namespace gossamer
