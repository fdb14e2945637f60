// Dense products of a process whose memory is limited: OpenBLAS asks the system for a large buffer again and again.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cblas.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "runtime/openblas_callers.h"
#include "tests/hosts/child.h"
#include "tests/support/sanitizers.h"

namespace gossamer::host::test_memory_limit {
namespace {

// Leaves this much address space above what is in use.
void limit_memory(int64_t mib) {
  int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const auto bytes = static_cast<rlim_t>(pages * sysconf(_SC_PAGESIZE) + (mib << 20));
  const rlimit limit{bytes, bytes};
  require(setrlimit(RLIMIT_AS, &limit) == 0, "setrlimit failed\n");
}

Tensor product() {
  const Tensor a = Tensor::ones({96, 64});
  const Tensor b = Tensor::ones({64, 96});
  return matmul(a, b);
}

class MemoryLimit : public testing::Test {
 protected:
  void SetUp() override {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    if (kSanitized) GTEST_SKIP() << "sanitizers reserve terabytes: no limit can be set";
  }
};

TEST_F(MemoryLimit, ThatLeavesOpenBlasNoBufferIsAnErrorAndTheNextProductWorksWithoutIt) {
  EXPECT_EXIT(
      {
        limit_time();
        with_threads(1, [] {
          rlimit before{};
          getrlimit(RLIMIT_AS, &before);
          int64_t pages = 0;
          std::ifstream("/proc/self/statm") >> pages;
          const rlimit low{static_cast<rlim_t>(pages * sysconf(_SC_PAGESIZE) + (64 << 20)), before.rlim_max};
          require(setrlimit(RLIMIT_AS, &low) == 0, "setrlimit failed\n");
          for (int i = 0; i < 2; ++i) {
            try {
              product();
              give_up("a product without a buffer\n");
            } catch (const StateError& error) {
              require(std::string(error.what()).find("128 MiB") != std::string::npos, error.what());
            }
          }
          setrlimit(RLIMIT_AS, &before);
          require(product().at(0, 0) == 64, "a wrong product\n");
        });
        _exit(0);
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(MemoryLimit, ThatLeavesOneBufferMakesConcurrentProductsTakeTurns) {
  EXPECT_EXIT(
      {
        limit_time();
        constexpr int kThreads = 4;
        std::latch started(kThreads + 1);
        std::latch limited(1);
        std::vector<std::thread> threads;
        for (int t = 0; t < kThreads; ++t) {
          threads.emplace_back([&] {
            with_threads(1, [] { sum(Tensor::ones({100})); });
            started.count_down();
            limited.wait();
            for (int i = 0; i < 200; ++i) {
              require(product().at(0, 0) == 64, "a wrong product\n");
            }
          });
        }
        started.arrive_and_wait();
        limit_memory(200);
        limited.count_down();
        for (std::thread& thread : threads) thread.join();
        _exit(0);
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(MemoryLimit, ThatIsSetAfterTheFirstProductDoesNotMatter) {
  EXPECT_EXIT(
      {
        limit_time();
        Network network;
        const std::vector<float> expected = network.evaluate();
        limit_memory(24);
        for (int i = 0; i < 20; ++i) require(same_bits(network.evaluate(), expected), "other bits than before\n");
        _exit(0);
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(MemoryLimit, ThatLeavesNoStacksForWorkersLeavesFewerThreads) {
  for (const int64_t mib : {24, 80, 200, 300}) {
    EXPECT_EXIT(
        {
          limit_time();
          limit_memory(mib);
          const Tensor x = Tensor::ones({300'000});
          for (int run = 0; run < 30; ++run) {
            require(sum(x).item<double>() == 300'000, "a wrong sum\n");
            with_threads(16, [&] { require(sum(mul(x, x)).item<double>() == 300'000, "a wrong sum\n"); });
          }
          _exit(0);
        },
        testing::ExitedWithCode(0), "^$");
  }
}

TEST(OpenBlasCaller, WaitsWhileOpenBlasHasNoBufferLeft) {
  // One for each thread that it was built for: the other half is its own workers' and the application's.
  const std::string config = openblas_get_config();
  const size_t at = config.find("MAX_THREADS=");
  const int most = at == std::string::npos ? 25 : std::max(25, std::stoi(config.substr(at + 12)));
  std::atomic<int> inside = 0;
  std::atomic<int> most_inside = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < most + 20; ++t) {
    threads.emplace_back([&] {
      const rt::OpenBlasCaller caller;
      const int now = ++inside;
      for (int seen = most_inside; seen < now && !most_inside.compare_exchange_weak(seen, now);) continue;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      --inside;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most_inside, most);
  EXPECT_GT(most_inside, 1);
}

TEST_F(MemoryLimit, ThatLeavesNoStackForThePrefetchingThreadIsAnErrorThatNamesTheWayWithout) {
  EXPECT_EXIT(
      {
        limit_time();
        const auto dataset = std::make_shared<data::TensorDataset>(Tensor::ones({4, 2}), Tensor::zeros({4}));
        data::DataLoader prefetching(dataset, {.batch_size = 2, .prefetch = 1});
        data::DataLoader gathering(dataset, {.batch_size = 2, .prefetch = 0});
        limit_memory(4);
        try {
          prefetching.begin();
          give_up("a thread without a stack\n");
        } catch (const StateError& error) {
          require(std::string(error.what()).find("prefetch 0") != std::string::npos, error.what());
        }
        require(prefetching.epoch() == 0, "an epoch that did not begin was counted\n");
        require(gathering.begin()->x.numel() == 4, "a wrong batch\n");
        _exit(0);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace gossamer::host::test_memory_limit
