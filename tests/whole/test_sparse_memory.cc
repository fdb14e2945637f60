// No algorithm holds anything dense of a CSR layer: not even a mask of it.
#include <gtest/gtest.h>

#include <cstdint>

#include "gossamer/gossamer.h"
#include "tests/whole/counting_new.h"

namespace gossamer::test_sparse_memory {
namespace {

constexpr int64_t kSize = 8192;
// A dense mask of the layer would take one byte for each element.
constexpr int64_t kMaskBytes = kSize * kSize;

// Peak of allocated bytes, above what was there before, of training one square layer that is 99 % sparse. `use` is
// called with its weight after each step.
template <class Algorithm, class Use>
int64_t training_peak(Algorithm algorithm, Use use) {
  const int64_t before = test::live_bytes();
  test::reset_peak();
  {
    Generator rng(1);
    nn::Linear layer({.in = kSize, .out = kSize, .bias = false, .sparsity = 0.99}, rng);
    optim::AdamW optimizer(layer.parameters(), {.lr = 1e-3});
    layer.apply(algorithm);
    optimizer.apply(algorithm);
    const Tensor labels = Tensor::zeros({16}, DType::i64);
    for (uint64_t step = 0; step < 4; ++step) {
      Tensor x = Tensor::empty({16, kSize});
      fill_uniform(x, step, -1, 1);
      const Tensor loss = cross_entropy(layer(x), labels);
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
      use(layer.weight());
    }
  }
  return test::peak_bytes() - before;
}

template <class Algorithm>
int64_t training_peak(Algorithm algorithm) {
  return training_peak(std::move(algorithm), [](const Parameter&) {});
}

TEST(SparseMemory, OfEveryAlgorithmIsBelowThatOfADenseMask) {
  using namespace sparse;
  const UpdateSchedule update{.freq = 2};
  EXPECT_LT(training_peak(GraNet({.sparsity = Linear{.init = 0.99, .slope = 0.001}, .update = update})), kMaskBytes);
  EXPECT_LT(training_peak(SNFS({.sparsity = 0.99, .update = update})), kMaskBytes);
  EXPECT_LT(training_peak(RigL({.sparsity = 0.99, .update = update, .candidates = 1})), kMaskBytes);
  EXPECT_LT(training_peak(GlobalPruning({.sparsity = Linear{.init = 0.99, .slope = 0.001}, .update = update})),
            kMaskBytes);
  EXPECT_LT(training_peak(TopKAST({.sparsity = 0.99, .forward_sparsity = 0.995, .update = update})), kMaskBytes);
}

TEST(SparseMemory, OfPruningAndOfSummariesIsBelowThatOfADenseMask) {
  using namespace sparse;
  EXPECT_LT(
      training_peak(Static(0.99),
                    [](const Parameter& weight) {
                      const InTimeOverParameterization itop({weight});
                      static_cast<void>(SparsitySummary({weight}, &itop));
                      for (const PruneScope scope : {PruneScope::Parameter, PruneScope::Row, PruneScope::Global}) {
                        prune({weight}, saliency_scores, {.sparsity = 0.992, .scope = scope});
                      }
                    }),
      kMaskBytes);
}

}  // namespace
}  // namespace gossamer::test_sparse_memory
