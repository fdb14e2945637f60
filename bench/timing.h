// Times of things that are compared: they take turns, so that whatever else the machine does meets all of them.
#pragma once

#include <functional>
#include <span>
#include <vector>

namespace gossamer::bench {

// One thread: CPU time of the calling thread, which other programs of a busy machine do not enter. More: wall time.
double now(int threads);
double wall_seconds();
// CPU time of the whole process.
double cpu_seconds();

template <class Body>
double seconds(int threads, const Body& body) {
  const double start = now(threads);
  body();
  return now(threads) - start;
}

// 0 for no values; the upper one of two middle values.
double median(std::vector<double> values);

struct Contender {
  std::function<void()> run;
  std::vector<double> seconds;  // one entry per turn: the mean of its timed calls

  double time() const { return median(seconds); }
};

struct Turns {
  int threads = 1;
  bool warm = true;     // each turn begins with calls that are not timed
  double budget_s = 1;  // wall time after which no new round begins
  int min_rounds = 3;
  int max_rounds = 25;
};

// A B A B ..., on `turns.threads` threads of the library. A warm turn is calls for 5 ms that are not timed (for caches,
// clocks, and threads that have to wake up), then timed calls for 3 ms, at least one each. Otherwise it is a single
// call, in caches as the others left them. With several threads a turn begins once all others of the process rest:
// those of OpenBLAS spin on after a product.
void take_turns(std::span<Contender> contenders, const Turns& turns);

}  // namespace gossamer::bench
