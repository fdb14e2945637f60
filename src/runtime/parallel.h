// The only way to run in parallel. Splits are fixed by the caller from the problem's size, never from the number of
// threads, so that results are the same bits for any.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace gossamer::rt {

namespace detail {
using TaskFn = void (*)(void* context, int64_t task);
void run_tasks(int64_t tasks, TaskFn fn, void* context);
}  // namespace detail

// Calls f(task) once for every task in [0, tasks), in any order, on any thread, with the calling thread's
// floating-point mode. f must write only what is its own. What it throws is thrown here, when no task runs any more;
// tasks that had not begun are then left out. One task runs on the calling thread.
template <class F>
void parallel_for(int64_t tasks, F&& f) {
  if (tasks == 1) {
    f(int64_t{0});
    return;
  }
  detail::run_tasks(
      tasks, [](void* context, int64_t task) { (*static_cast<std::remove_reference_t<F>*>(context))(task); },
      const_cast<void*>(static_cast<const void*>(&f)));
}

// Calls f(begin, end) for consecutive chunks of [0, n) of `grain` elements, the last one shorter.
template <class F>
void parallel_chunks(int64_t n, int64_t grain, F&& f) {
  parallel_for((n + grain - 1) / grain, [&](int64_t task) { f(task * grain, std::min(n, (task + 1) * grain)); });
}

// Sum over chunks of f(begin, end) -> double, combined in index order: the same bits for any number of threads.
template <class F>
double parallel_sum(int64_t n, int64_t grain, F&& f) {
  std::vector<double> partial(static_cast<size_t>((n + grain - 1) / grain));
  parallel_for(static_cast<int64_t>(partial.size()), [&](int64_t task) {
    partial[static_cast<size_t>(task)] = f(task * grain, std::min(n, (task + 1) * grain));
  });
  double sum = 0;
  for (const double p : partial) sum += p;
  return sum;
}

// Grain of elementwise loops: 16384 floats are 64 KiB, some microseconds of work, above the cost of a task.
inline constexpr int64_t kElementGrain = 16384;
// Grain of loops over items of `elements` elements each, 0 counting as 1, which take `weight` times the work of
// elementwise ones: at least one item.
constexpr int64_t grain_of(int64_t elements, int64_t weight = 1) {
  return std::max<int64_t>(1, kElementGrain / weight / std::max<int64_t>(1, elements));
}

}  // namespace gossamer::rt
