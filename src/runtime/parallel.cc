// oneTBB behind parallel_for and with_threads: the only file that includes it.
// oneTBB comes without ThreadSanitizer's instrumentation, so its own synchronization looks like races. In a
// ThreadSanitizer build (GOSSAMER_TSAN) this file alone is not instrumented either, and says by hand what the sanitizer
// cannot see: what happens before a loop, in its tasks, and after it. No suppression is needed, and races of tasks
// show.
#include "runtime/parallel.h"

#include <fmt/format.h>
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/partitioner.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "gossamer/error.h"
#include "gossamer/runtime.h"
#include "runtime/check.h"

#ifdef GOSSAMER_TSAN
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
#endif

namespace gossamer {
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

}  // namespace

void run_tasks(int64_t tasks, TaskFn fn, void* context) {
  if (tasks <= 0) return;
  SyncPoint fork;
  SyncPoint join;
  fork.release();
  // Isolated: while this thread waits for its own tasks it takes no others, which could find a lock or a thread-local
  // buffer of the caller in use. A deadlock of lazily built plans and the overwriting of scratch are thus impossible.
  tbb::this_task_arena::isolate([&] {
    tbb::parallel_for(
        tbb::blocked_range<int64_t>(0, tasks),
        [&](const tbb::blocked_range<int64_t>& range) {
          fork.acquire();
          for (int64_t task = range.begin(); task != range.end(); ++task) fn(context, task);
          join.release();
        },
        tbb::simple_partitioner());
  });
  join.acquire();
}

}  // namespace rt::detail

void with_threads(int threads, const std::function<void()>& body) {
  if (!body) fail<ConfigError>("with_threads", "the body must be callable", "an empty function");
  if (threads < 1) fail<ConfigError>("with_threads", "threads must be at least 1", fmt::format("got {}", threads));
  // oneTBB starts no more workers than cores unless a global control says so.
  std::optional<tbb::global_control> more_workers;
  if (threads > tbb::info::default_concurrency()) {
    more_workers.emplace(tbb::global_control::max_allowed_parallelism, static_cast<size_t>(threads));
  }
  tbb::task_arena arena(threads);
  arena.execute([&] { body(); });
}

int max_threads() {
  const auto allowed = tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism);
  return static_cast<int>(std::min<size_t>(allowed, static_cast<size_t>(tbb::this_task_arena::max_concurrency())));
}

}  // namespace gossamer
