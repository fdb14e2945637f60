#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "bench/timing.h"
#include "gossamer/runtime.h"

namespace gossamer::bench::test_timing {
namespace {

TEST(Median, IsTheUpperMiddleOfAnyOrder) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 3, 2}), 3);
  EXPECT_EQ(median({7}), 7);
  EXPECT_EQ(median({}), 0);
}

TEST(TakeTurns, CallsContendersInTurn) {
  std::string calls;
  Contender contenders[] = {{[&] { calls += 'a'; }, {}}, {[&] { calls += 'b'; }, {}}};
  take_turns(contenders, {.warm = false, .budget_s = 0, .min_rounds = 3});
  EXPECT_EQ(calls, "ababab");
  EXPECT_EQ(contenders[0].seconds.size(), 3U);
  EXPECT_EQ(contenders[1].seconds.size(), 3U);
}

TEST(TakeTurns, EndsAtTheHighestNumberOfRoundsWhateverTimeIsLeft) {
  Contender contenders[] = {{[] {}, {}}};
  take_turns(contenders, {.warm = false, .budget_s = 1000, .min_rounds = 1, .max_rounds = 4});
  EXPECT_EQ(contenders[0].seconds.size(), 4U);
}

TEST(TakeTurns, BeginsAWarmTurnWithACallThatIsNotTimed) {
  int calls = 0;
  Contender contenders[] = {{[&] { ++calls; }, {}}};
  take_turns(contenders, {.budget_s = 0, .min_rounds = 1});
  EXPECT_GE(calls, 2);
  EXPECT_EQ(contenders[0].seconds.size(), 1U);
}

// As OpenBLAS's threads do after a product.
TEST(TakeTurns, WithSeveralThreadsBeginsATurnWhenTheThreadsOfTheLastOneRest) {
  std::vector<std::jthread> threads;
  std::atomic<int> spinning = 0;
  const auto spin = [&] {
    const double end = now(1) + 0.01;
    while (now(1) < end) {
    }
    --spinning;
  };
  std::vector<int> seen;
  Contender contenders[] = {{[&] {
                               ++spinning;
                               threads.emplace_back(spin);
                             },
                             {}},
                            {[&] { seen.push_back(spinning); }, {}}};
  take_turns(contenders, {.threads = 2, .warm = false, .budget_s = 0, .min_rounds = 2});
  EXPECT_EQ(seen, (std::vector<int>{0, 0}));
}

TEST(TakeTurns, GivesContendersTheThreadsThatWereAskedFor) {
  int seen = 0;
  Contender contenders[] = {{[&] { seen = max_threads(); }, {}}};
  for (const int threads : {1, 3}) {
    take_turns(contenders, {.threads = threads, .warm = false, .budget_s = 0, .min_rounds = 1});
    EXPECT_EQ(seen, threads);
  }
}

}  // namespace
}  // namespace gossamer::bench::test_timing
