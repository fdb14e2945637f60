// What the child of a fork may do. docs/embedding.md says what is promised.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "tests/hosts/child.h"
#include "tests/support/sanitizers.h"

namespace gossamer::host::test_fork {
namespace {

// Runs `body` in a child of this process and demands that it ends well. In the child, alarm() counts anew. oneTBB's
// destructor may wait for a lock of a lost thread: a child ends by _exit().
void in_child(const std::function<void()>& body, void (*end)(int) = _exit) {
  const pid_t child = fork();
  require(child >= 0, "fork failed\n");
  if (child == 0) {
    alarm(30);
    body();
    end(0);
  }
  int status = 0;
  require(waitpid(child, &status, 0) == child, "waitpid failed\n");
  require(!WIFSIGNALED(status), "the child hung, or crashed\n");
  require(WEXITSTATUS(status) == 0, "the child failed\n");
}

void train(uint64_t seed) {
  Generator rng(seed);
  nn::Sequential model{nn::named("fc1", nn::Linear({.in = 100, .out = 300}, rng)), nn::ReLU(),
                       nn::named("fc2", nn::Linear({.in = 300, .out = 10}, rng))};
  optim::AdamW optimizer(model.parameters(), {.lr = 1e-3});
  sparse::Group sparsity({{"fc1.weight", sparse::RigL({.sparsity = 0.9, .update = {.freq = 2}})}});
  model.apply(sparsity);
  optimizer.apply(sparsity);
  Tensor x = Tensor::empty({256, 100});
  fill_uniform(x, seed, -1, 1);
  const Tensor y = argmax(slice(x, {.dim = 1, .begin = 0, .end = 10}));
  for (int step = 0; step < 4; ++step) {
    const Tensor loss = cross_entropy(model(x), y);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
  }
}

class Fork : public testing::Test {
 protected:
  void SetUp() override {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    if (kSanitized) GTEST_SKIP() << "the sanitizers' own threads and locks do not survive a fork";
  }
};

TEST_F(Fork, BeforeAnyUseLeavesTheChildAllThreads) {
  EXPECT_EXIT(
      {
        limit_time();
        require(max_threads() >= 1, "no thread\n");  // asking is no use
        in_child(
            [] {
              with_threads(3, [] {
                require(max_threads() == 3, "not three threads\n");
                train(1);
              });
            },
            std::exit);
        _exit(0);
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(Fork, OfAnIdleParentLetsTheChildGoOnWithTheSameBitsOnOneThread) {
  EXPECT_EXIT(
      {
        limit_time();
        Network network;
        std::vector<float> expected;
        with_threads(4, [&] { expected = network.evaluate(); });
        in_child([&] {
          require(max_threads() == 1, "more than one thread\n");
          require(same_bits(network.evaluate(), expected), "other bits than in the parent\n");
          with_threads(4, [&] { require(same_bits(network.evaluate(), expected), "other bits with_threads\n"); });
          train(2);
          in_child([&] { require(same_bits(network.evaluate(), expected), "other bits in the grandchild\n"); });
          std::thread([&] { require(same_bits(network.evaluate(), expected), "other bits in a thread\n"); }).join();
        });
        require(same_bits(network.evaluate(), expected), "other bits in the parent after the fork\n");
        _exit(0);
      },
      testing::ExitedWithCode(0), "");
}

TEST_F(Fork, WhileOtherThreadsTrainLetsTheChildUseWhatTheyDoNot) {
  EXPECT_EXIT(
      {
        limit_time();
        Network network;
        const std::vector<float> expected = network.evaluate();
        std::atomic<bool> stop = false;
        std::vector<std::thread> busy;
        for (uint64_t t = 0; t < 3; ++t) {
          busy.emplace_back([&, t] {
            while (!stop) with_threads(2, [&] { train(t); });
          });
        }
        for (int forks = 0; forks < 30; ++forks) {
          in_child([&] {
            require(same_bits(network.evaluate(), expected), "other bits than in the parent\n");
            train(9);
          });
        }
        stop = true;
        for (std::thread& thread : busy) thread.join();
        _exit(0);
      },
      testing::ExitedWithCode(0), "");
}

// Batches come slowly enough for the prefetching thread to be at work when the process forks.
class Slow final : public data::Dataset {
 public:
  int64_t size() const override { return 64; }
  data::Batch gather(std::span<const int64_t> indices) const override {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    const auto n = static_cast<int64_t>(indices.size());
    return {Tensor::ones({n, 3}), Tensor::zeros({n}, DType::i64)};
  }
};

TEST_F(Fork, WithAnOpenLoaderMakesGoingOnInTheChildAnErrorAndANewEpochWork) {
  for (const int64_t workers : {1, 3}) {
    EXPECT_EXIT(
        {
          limit_time();
          data::DataLoader loader(std::make_shared<Slow>(), {.batch_size = 4, .prefetch = 2, .workers = workers});
          auto batch = std::make_optional(loader.begin());
          in_child([&] {
            try {
              for (int i = 0; i < 20; ++i) ++*batch;
              give_up("the prefetching thread cannot have come along\n");
            } catch (const StateError& error) {
              require(std::string(error.what()).find("fork") != std::string::npos, error.what());
            }
            int batches = 0;
            for ([[maybe_unused]] const data::Batch& b : loader) ++batches;
            require(batches == 16, "not all batches\n");
          });
          // One that is destroyed without being asked.
          in_child([&] { batch.reset(); });
          ++*batch;
          _exit(0);
        },
        testing::ExitedWithCode(0), "");
  }
}

}  // namespace
}  // namespace gossamer::host::test_fork
