// Models that are evaluated while threads and the process end.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "tests/hosts/child.h"

namespace gossamer::host::test_teardown {
namespace {

// Never destroyed: everything that ends may still use it.
struct Reference {
  Network network;
  std::vector<float> outputs = network.evaluate();
  std::atomic<int> comparisons = 0;

  // More than once, because memory that was given back too early keeps its content for a while.
  void compare() {
    for (int i = 0; i < 3; ++i) {
      require(same_bits(network.evaluate(), outputs), "other bits than before\n");
      std::vector<std::vector<std::byte>> rubbish;
      for (size_t bytes = 1 << 10; bytes <= 1 << 22; bytes *= 2) rubbish.emplace_back(bytes, std::byte{0xFF});
    }
    ++comparisons;
  }
};
Reference* g_reference = nullptr;

struct ComparesWhenDestroyed {
  ~ComparesWhenDestroyed() {
    if (g_reference != nullptr) g_reference->compare();
  }
};

// Constructed before main, so destroyed after everything that main has made.
struct EndsTheScenario {
  int expected = 0;
  ~EndsTheScenario() {
    if (expected == 0) return;
    g_reference->compare();
    _exit(g_reference->comparisons == expected ? 0 : 2);
  }
} g_end;

TEST(Teardown, AModelGivesTheSameBitsInAtexitInStaticAndInThreadLocalDestructors) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        limit_time();
        // Before the library's own thread-locals, so destroyed after them.
        thread_local const ComparesWhenDestroyed thread_local_of_main;
        g_reference = new Reference;
        std::thread([] {
          thread_local const ComparesWhenDestroyed before_first_use;
          g_reference->compare();
        }).join();
        static const ComparesWhenDestroyed function_static;
        std::atexit([] { g_reference->compare(); });
        // The thread's, its destructor's, that of the main thread's, atexit's, that of the static object, the last one.
        g_end.expected = 6;
        std::exit(3);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace gossamer::host::test_teardown
