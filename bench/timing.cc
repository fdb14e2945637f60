#include "bench/timing.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <thread>

#include "gossamer/runtime.h"

namespace gossamer::bench {

namespace {

// Untimed and timed part of a turn. The memory of some machines clocks down while others compute in registers: a step
// of 512x512x2048 at 99 % takes 1.7 times as long after a dense turn, 1.5 times in its second call, and then settles.
constexpr double kWarmSeconds = 5e-3;
constexpr double kTimedSeconds = 3e-3;

// OpenBLAS's threads spin for some 25 ms after a product before they sleep, and would take cores from the next turn.
constexpr auto kSettle = std::chrono::milliseconds(30);

double clock_seconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Calls for some time, at least once; the mean time of a call.
double call_for(double time, const std::function<void()>& run, int threads) {
  int calls = 0;
  const double start = now(threads);
  double elapsed = 0;
  do {
    run();
    ++calls;
    elapsed = now(threads) - start;
  } while (elapsed < time);
  return elapsed / calls;
}

void take_turn(Contender& contender, int threads, bool warm) {
  if (warm) call_for(kWarmSeconds, contender.run, threads);
  contender.seconds.push_back(call_for(warm ? kTimedSeconds : 0, contender.run, threads));
}

}  // namespace

double now(int threads) { return clock_seconds(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC); }

double wall_seconds() { return clock_seconds(CLOCK_MONOTONIC); }

double cpu_seconds() { return clock_seconds(CLOCK_PROCESS_CPUTIME_ID); }

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void take_turns(std::span<Contender> contenders, const Turns& turns) {
  const double end = wall_seconds() + turns.budget_s;
  with_threads(turns.threads, [&] {
    for (int round = 0; round < turns.max_rounds; ++round) {
      if (round >= turns.min_rounds && wall_seconds() >= end) break;
      for (Contender& contender : contenders) {
        if (turns.threads > 1) std::this_thread::sleep_for(kSettle);
        take_turn(contender, turns.threads, turns.warm);
      }
    }
  });
}

}  // namespace gossamer::bench
