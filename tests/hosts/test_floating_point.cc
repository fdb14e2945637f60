// Floating-point modes that the host sets: rounding, and subnormals flushed to zero.
#include <gtest/gtest.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <cfenv>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "gossamer/runtime.h"
#include "runtime/parallel.h"
#include "tests/hosts/child.h"

namespace gossamer::host::test_floating_point {
namespace {

// Of elementwise loops, a sum and dense products, all of several tasks.
std::vector<float> results() {
  Tensor x = Tensor::empty({200'000});
  fill_uniform(x, 3, -1, 1);
  x = mul(x, Tensor::full({200'000}, 1e-20));
  const Tensor y = mul(x, Tensor::full({200'000}, 1e-19));  // subnormal products
  Tensor a = Tensor::empty({512, 150});
  Tensor b = Tensor::empty({150, 512});
  fill_uniform(a, 4, -1, 1);
  fill_uniform(b, 5, -1, 1);
  std::vector<float> all;
  for (const Tensor& t : {y, matmul(a, b), sum(matmul(a, b))}) {
    const auto values = t.span<float>();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

class FloatingPoint : public testing::Test {
 protected:
  void SetUp() override { std::fegetenv(&before_); }
  void TearDown() override { std::fesetenv(&before_); }

 private:
  std::fenv_t before_{};
};

void expect_same_bits_for_all_threads(const std::function<void()>& set_mode, const char* mode) {
  // Every arena and every worker is in use before the host changes its mind.
  tbb::task_arena arena(2);
  for (const int threads : {1, 2, 3, 8}) with_threads(threads, [] { results(); });
  arena.execute([] { results(); });
  const std::vector<float> with_defaults = results();

  set_mode();
  std::vector<float> expected;
  with_threads(1, [&] { expected = results(); });
  EXPECT_FALSE(same_bits(expected, with_defaults)) << mode << " changes nothing here: a weak test";
  for (int run = 0; run < 3; ++run) {
    EXPECT_TRUE(same_bits(results(), expected)) << mode;
    arena.execute([&] {
      // oneTBB gives the body of execute() the mode under which the arena was made.
      set_mode();
      EXPECT_TRUE(same_bits(results(), expected)) << mode << ", the application's arena";
    });
    for (const int threads : {2, 3, 8}) {
      with_threads(threads,
                   [&] { EXPECT_TRUE(same_bits(results(), expected)) << mode << ", " << threads << " threads"; });
    }
  }
}

TEST_F(FloatingPoint, ARoundingModeOfTheHostGivesTheSameBitsForAnyNumberOfThreads) {
  expect_same_bits_for_all_threads([] { std::fesetround(FE_UPWARD); }, "rounding up");
}

#if defined(__x86_64__)
TEST_F(FloatingPoint, FlushingToZeroInTheHostGivesTheSameBitsForAnyNumberOfThreads) {
  expect_same_bits_for_all_threads([] { _mm_setcsr(_mm_getcsr() | 0x8040U); }, "flushing to zero");
}
#endif

TEST_F(FloatingPoint, AParallelLoopLeavesTheModeOfTheCallerAsItWas) {
  std::fesetround(FE_DOWNWARD);
  rt::parallel_for(100, [](int64_t) { EXPECT_EQ(std::fegetround(), FE_DOWNWARD); });
  EXPECT_EQ(std::fegetround(), FE_DOWNWARD);
}

TEST(Host, ACancelledTaskOfTheApplicationDoesNotLeaveOutTasksOfTheLibrary) {
  tbb::task_group_context group;
  int64_t done = 0;
  tbb::parallel_for(
      0, 1,
      [&](int) {
        group.cancel_group_execution();
        std::vector<int> runs(1000, 0);
        rt::parallel_for(1000, [&](int64_t task) { runs[static_cast<size_t>(task)] = 1; });
        for (const int run : runs) done += run;
      },
      group);
  EXPECT_EQ(done, 1000);
}

}  // namespace
}  // namespace gossamer::host::test_floating_point
