// parallel_for and with_threads: every task once, equal bits for any number of threads, threads that really exist.
#include <gtest/gtest.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <limits>
#include <mutex>
#include <new>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/runtime.h"
#include "runtime/parallel.h"

namespace gossamer::test_parallel {
namespace {

TEST(ParallelFor, RunsEveryTaskOnce) {
  for (const int64_t tasks : {0, 1, 2, 7, 1000}) {
    std::vector<int> runs(static_cast<size_t>(tasks), 0);
    with_threads(4, [&] { rt::parallel_for(tasks, [&](int64_t task) { ++runs[static_cast<size_t>(task)]; }); });
    EXPECT_EQ(runs, std::vector<int>(runs.size(), 1)) << tasks << " tasks";
  }
}

TEST(ParallelFor, RunsTasksOfNestedLoopsOnce) {
  std::vector<int> runs(20 * 30, 0);
  with_threads(4, [&] {
    rt::parallel_for(
        20, [&](int64_t i) { rt::parallel_for(30, [&](int64_t j) { ++runs[static_cast<size_t>(i * 30 + j)]; }); });
  });
  EXPECT_EQ(runs, std::vector<int>(runs.size(), 1));
}

TEST(ParallelFor, DoesNotStartAnotherTaskOfTheOuterLoopWhileOneWaitsForItsInnerLoop) {
  // What a task keeps in a thread-local buffer, or under a lock, must survive its inner loops.
  thread_local bool busy = false;
  std::atomic<int> intrusions = 0;
  with_threads(4, [&] {
    rt::parallel_for(64, [&](int64_t) {
      if (busy) ++intrusions;
      busy = true;
      rt::parallel_for(4, [](int64_t) { std::this_thread::sleep_for(std::chrono::microseconds(200)); });
      busy = false;
    });
  });
  EXPECT_EQ(intrusions, 0);
}

TEST(ParallelFor, ThrowsWhatATaskThrowsWhenNoTaskRunsAnyMore) {
  for (const int threads : {1, 4}) {
    with_threads(threads, [&] {
      for (int64_t bad = 0; bad < 40; ++bad) {
        std::atomic<int> running = 0;
        const auto loop = [&] {
          rt::parallel_for(40, [&](int64_t task) {
            ++running;
            if (task != bad) std::this_thread::sleep_for(std::chrono::microseconds(20));
            --running;
            if (task == bad) throw std::bad_alloc();
          });
        };
        EXPECT_THROW(loop(), std::bad_alloc);
        EXPECT_EQ(running, 0);
      }
    });
  }
}

TEST(ParallelFor, StaysInTheArenaOfTheApplication) {
  tbb::task_arena arena(1);
  std::set<std::thread::id> threads;
  int limit = 0;
  arena.execute([&] {
    limit = max_threads();
    rt::parallel_for(100, [&](int64_t) { threads.insert(std::this_thread::get_id()); });
  });
  EXPECT_EQ(limit, 1);
  EXPECT_EQ(threads.size(), 1U);
}

TEST(ParallelChunks, CoversTheRangeInChunksOfTheGrain) {
  std::vector<int> covered(1000, 0);
  std::atomic<int> chunks = 0;
  rt::parallel_chunks(1000, 300, [&](int64_t begin, int64_t end) {
    ++chunks;
    EXPECT_EQ(begin % 300, 0);
    for (int64_t i = begin; i < end; ++i) ++covered[static_cast<size_t>(i)];
  });
  EXPECT_EQ(chunks, 4);
  EXPECT_EQ(covered, std::vector<int>(1000, 1));
  rt::parallel_chunks(0, 300, [](int64_t, int64_t) { FAIL() << "an empty range has no chunk"; });
}

TEST(ParallelSum, HasTheSameBitsForAnyNumberOfThreads) {
  // Terms of very different size: another order of the additions would give other bits.
  const auto sum = [] {
    return rt::parallel_sum(100'000, 128, [](int64_t begin, int64_t end) {
      double partial = 0;
      for (int64_t i = begin; i < end; ++i) partial += std::pow(-1.01, static_cast<double>(i % 2000)) / 3;
      return partial;
    });
  };
  double expected = 0;
  with_threads(1, [&] { expected = sum(); });
  for (const int threads : {2, 3, 8}) {
    with_threads(threads, [&] {
      for (int run = 0; run < 20; ++run) EXPECT_EQ(sum(), expected) << threads << " threads";
    });
  }
}

TEST(WithThreads, RunsThatManyThreadsEvenAboveTheNumberOfCores) {
  // Each of eight tasks waits for the other seven: with fewer threads they would never all be there.
  std::mutex mutex;
  std::condition_variable all_here;
  std::set<std::thread::id> threads;
  with_threads(8, [&] {
    EXPECT_EQ(max_threads(), 8);
    rt::parallel_for(8, [&](int64_t) {
      std::unique_lock lock(mutex);
      threads.insert(std::this_thread::get_id());
      all_here.notify_all();
      all_here.wait_for(lock, std::chrono::seconds(60), [&] { return threads.size() == 8; });
    });
  });
  EXPECT_EQ(threads.size(), 8U);
}

TEST(WithThreads, OfOneRunsOnTheCallingThreadAlone) {
  std::set<std::thread::id> threads;
  with_threads(1, [&] {
    EXPECT_EQ(max_threads(), 1);
    rt::parallel_for(100, [&](int64_t) { threads.insert(std::this_thread::get_id()); });
  });
  EXPECT_EQ(threads, std::set<std::thread::id>{std::this_thread::get_id()});
}

TEST(WithThreads, PassesExceptionsOfTheBodyThrough) {
  EXPECT_THROW(with_threads(3, [] { throw std::range_error("from the body"); }), std::range_error);
}

TEST(WithThreads, RefusesLessThanOneThread) {
  const auto nothing = [] {};
  EXPECT_THROW(with_threads(0, nothing), ConfigError);
  EXPECT_THROW(with_threads(-2, nothing), ConfigError);
  EXPECT_THROW(with_threads(1, {}), ConfigError);
}

TEST(WithThreads, RefusesMoreThreadsThanThereCanBeAndNamesTheMost) {
  for (const int threads : {70'000, std::numeric_limits<int>::max()}) {
    try {
      with_threads(threads, [] { FAIL() << "the body must not run"; });
      ADD_FAILURE() << threads << " threads";
    } catch (const ConfigError& error) {
      EXPECT_NE(std::string(error.what()).find("[1, "), std::string::npos) << error.what();
    }
  }
  int limit = 0;
  with_threads(256, [&] { limit = max_threads(); });
  EXPECT_EQ(limit, 256);
}

TEST(WithThreads, OfSeveralCountsAtOnceGivesEachItsOwnAndPrintsNothing) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        std::atomic<int> wrong = 0;
        std::vector<std::thread> threads;
        for (const int count : {3, 8, 1, 16, 2}) {
          threads.emplace_back([&wrong, count] {
            for (int run = 0; run < 50; ++run) {
              with_threads(count, [&] {
                if (max_threads() != count) ++wrong;
                with_threads(count + 5, [&] {
                  if (max_threads() != count + 5) ++wrong;
                });
                std::atomic<int> tasks = 0;
                rt::parallel_for(100, [&](int64_t) { ++tasks; });
                if (tasks != 100) ++wrong;
              });
            }
          });
        }
        for (std::thread& thread : threads) thread.join();
        _exit(wrong == 0 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "^$");
}

TEST(WithThreads, KeepsQuietUnderALowerLimitOfTheApplication) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, 2);
        int threads = 0;
        with_threads(8, [&] { threads = max_threads(); });
        _exit(threads == 2 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "^$");
}

TEST(Runtime, NamesTheSimdTarget) { EXPECT_FALSE(simd_target().empty()); }

}  // namespace
}  // namespace gossamer::test_parallel
