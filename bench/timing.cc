#include "bench/timing.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <thread>

#include "gossamer/runtime.h"

namespace gossamer::bench {

namespace {

constexpr double kTurnSeconds = 2e-3;

// OpenBLAS's threads spin for some 25 ms after a product before they sleep, and would take cores from the next turn.
constexpr auto kSettle = std::chrono::milliseconds(30);

double clock_seconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

void take_turn(Contender& contender, int threads, bool warm) {
  if (warm) contender.run();
  int calls = 0;
  const double start = now(threads);
  double elapsed = 0;
  do {
    contender.run();
    ++calls;
    elapsed = now(threads) - start;
  } while (warm && elapsed < kTurnSeconds);
  contender.seconds.push_back(elapsed / calls);
}

}  // namespace

double now(int threads) { return clock_seconds(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC); }

double wall_seconds() { return clock_seconds(CLOCK_MONOTONIC); }

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
