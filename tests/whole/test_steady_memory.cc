// A training loop that has settled: what a step allocates, what stays, and what is kept for the next.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "gossamer/gossamer.h"
#include "gossamer/ops.h"
#include "tests/whole/counting_new.h"

namespace gossamer::test_steady_memory {
namespace {

struct Network {
  const char* name;
  std::function<Tensor(const std::vector<Parameter>&, const Tensor&)> forward;
};

constexpr int64_t kSamples = 64, kWidth = 128;

// Nine operations a layer, with broadcasting, reductions and parts of tensors.
Tensor many_operations(const std::vector<Parameter>& weights, const Tensor& x) {
  Tensor h = x;
  for (const Parameter& weight : weights) {
    const Tensor y = matmul(h, weight.tensor());
    const Tensor centered = sub(y, mean(y, {.dims = {1}, .keepdim = true}));
    h = add(gelu(centered), mul(sigmoid(y), softmax(tanh(h))));
  }
  return h;
}

Tensor perceptron(const std::vector<Parameter>& weights, const Tensor& x) {
  Tensor h = x;
  for (const Parameter& weight : weights) h = relu(matmul(h, weight.tensor()));
  return h;
}

const Network kNetworks[] = {{"perceptron", perceptron}, {"many_operations", many_operations}};

class Training {
 public:
  explicit Training(const Network& network) : network_(network), optimizer_(weights_, {.lr = 1e-3}) {
    fill_uniform(x_, 1, -1, 1);
  }

  void step() {
    const Tensor loss = cross_entropy(network_.forward(weights_, x_), labels_);
    optimizer_.zero_grad();
    loss.backward();
    optimizer_.step();
  }

 private:
  static Parameter weight(uint64_t key) {
    Tensor values = Tensor::empty({kWidth, kWidth});
    fill_uniform(values, key, -0.1, 0.1);
    return Parameter(values);
  }

  const Network& network_;
  std::vector<Parameter> weights_ = {weight(1), weight(2), weight(3)};
  optim::AdamW optimizer_;
  Tensor x_ = Tensor::empty({kSamples, kWidth});
  Tensor labels_ = Tensor::zeros({kSamples}, DType::i64);
};

TEST(SteadyTraining, AllocatesEquallyOftenInEachStepAndKeepsNothingOfIt) {
  constexpr int kWarmUp = 20, kSteps = 500;
  constexpr int64_t kRounding = 4096;  // malloc hands out a little more than was asked for, not always as much
  with_threads(1, [&] {
    for (const Network& network : kNetworks) {
      Training training(network);
      for (int step = 0; step < kWarmUp; ++step) training.step();
      const int64_t live = test::live_bytes(), kept = cached_memory();
      int64_t before = test::allocations();
      training.step();
      const int64_t per_step = test::allocations() - before;
      test::reset_peak();
      training.step();
      const int64_t peak = test::peak_bytes();
      test::reset_peak();
      before = test::allocations();
      for (int step = 0; step < kSteps; ++step) {
        training.step();
        ASSERT_LE(std::abs(test::live_bytes() - live), kRounding) << network.name << ", step " << step;
      }
      EXPECT_EQ(test::allocations() - before, kSteps * per_step) << network.name;
      EXPECT_LE(std::abs(test::peak_bytes() - peak), kRounding) << network.name;
      EXPECT_EQ(cached_memory(), kept) << network.name;
      RecordProperty(std::string(network.name) + "_allocations_per_step", std::to_string(per_step));
    }
  });
}

TEST(SteadyTraining, TakesItsBuffersFromTheKeptOnesWhichCanBeReleased) {
  Training training(kNetworks[1]);
  for (int step = 0; step < 3; ++step) training.step();
  const int64_t kept = cached_memory();
  EXPECT_GE(kept, kSamples * kWidth * 4);
  EXPECT_LE(kept, int64_t{64} << 20);
  const int64_t live = test::live_bytes();
  EXPECT_EQ(release_cached_memory(), kept);
  EXPECT_EQ(cached_memory(), 0);
  EXPECT_LE(test::live_bytes(), live - kept);
  EXPECT_EQ(release_cached_memory(), 0);
  training.step();
  EXPECT_GT(cached_memory(), 0);
}

}  // namespace
}  // namespace gossamer::test_steady_memory
