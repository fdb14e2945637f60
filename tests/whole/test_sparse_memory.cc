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

// Peak of allocated bytes above what is there.
template <class F>
int64_t peak_of(F f) {
  const int64_t before = test::live_bytes();
  test::reset_peak();
  f();
  return test::peak_bytes() - before;
}

TEST(SparseMemory, OfStateDictsInCsrFormIsThatOfTheNonzeros) {
  Generator rng(1);
  const nn::LinearOptions options{.in = kSize, .out = kSize, .bias = false, .sparsity = 0.99};
  nn::Linear from(options, rng);
  nn::Linear sparse(options, rng);
  StateDict dict;
  const int64_t saving = peak_of([&] { dict = from.state_dict({.form = SparseForm::Csr}); });
  int64_t bytes = 0;
  for (const auto& [name, tensor] : dict) bytes += tensor.bytes();
  const auto load_into = [&](nn::Linear& layer) { return peak_of([&] { layer.load_state_dict(dict); }); };
  const int64_t loading = load_into(sparse);
  RecordProperty("dict_bytes", std::to_string(bytes));
  RecordProperty("saving_peak_bytes", std::to_string(saving));
  RecordProperty("loading_peak_bytes", std::to_string(loading));
  EXPECT_LE(saving, bytes * 5 / 4) << bytes;
  // The new pattern and values stand beside the old ones, and what was found out on the way.
  EXPECT_LE(loading, bytes * 5 / 2) << bytes;
  EXPECT_LE(bytes * 5 / 2, kMaskBytes / 4);
}

}  // namespace
}  // namespace gossamer::test_sparse_memory
