#include "bench/timing.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <thread>

#include "gossamer/runtime.h"

namespace gossamer::bench {

namespace {

// Untimed and timed part of a turn. The memory of some machines clocks down while others compute in registers: a step
// of 512x512x2048 at 99 % takes 1.7 times as long after a dense turn, 1.5 times in its second call, and then settles.
constexpr double kWarmSeconds = 5e-3;
constexpr double kTimedSeconds = 3e-3;

// No thread of the process keeps its core for longer, or every turn would wait for it.
constexpr double kMostRest = 0.5;

double clock_seconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Whether a thread of this process beside the one that asks runs, or is about to. Linux tells; elsewhere none does.
bool others_run() {
  int running = 0;
  std::error_code error;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", error)) {
    std::string stat;
    std::getline(std::ifstream(task.path() / "stat"), stat);
    // "12 (name) R ...", where the name may hold anything.
    const size_t name_end = stat.rfind(") ");
    if (name_end != stat.npos && stat[name_end + 2] == 'R') ++running;
  }
  return running > 1;
}

// OpenBLAS's threads spin on after a product before they sleep, for 25 to 105 ms as the clock's rate has it, and would
// take cores from the next turn.
void rest() {
  const double end = wall_seconds() + kMostRest;
  while (others_run() && wall_seconds() < end) std::this_thread::sleep_for(std::chrono::milliseconds(2));
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
        if (turns.threads > 1) rest();
        take_turn(contender, turns.threads, turns.warm);
      }
    }
  });
}

}  // namespace gossamer::bench
