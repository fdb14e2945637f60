// Memory of sparse training against that of its dense twin, counted byte by byte.
#include <gtest/gtest.h>

#include "gossamer/gossamer.h"
#include "tests/whole/counting_new.h"

namespace gossamer {
namespace {

// Peak of allocated bytes, above what was there before, of some steps of training one square layer.
template <class MakeModel, class Prepare>
int64_t training_peak(MakeModel make_model, Prepare prepare) {
  constexpr int64_t kSize = 4096;
  const int64_t before = test::live_bytes();
  test::reset_peak();
  {
    nn::Linear layer = make_model(kSize);
    optim::AdamW optimizer(layer.parameters(), {.lr = 1e-3});
    auto sparsity = prepare(layer, optimizer);
    Tensor x = Tensor::empty({16, kSize});
    Tensor labels = Tensor::zeros({16}, DType::i64);
    for (uint64_t step = 0; step < 6; ++step) {
      fill_uniform(x, step, -1, 1);
      const Tensor loss = cross_entropy(layer(x), labels);
      optimizer.zero_grad();
      loss.backward();
      optimizer.step();
    }
  }
  return test::peak_bytes() - before;
}

TEST(Memory, OfA95PercentSparseLayerWithAdamWAndRigLIsAtMostAFifthOfItsDenseTwin) {
  Generator rng(1);
  // Both sides once before, so that what the process keeps (thread pools, BLAS buffers) is in neither count.
  const auto dense = [&] {
    return training_peak([&](int64_t n) { return nn::Linear({.in = n, .out = n}, rng); },
                         [](nn::Linear&, optim::AdamW&) { return sparse::Static(0.0); });
  };
  const auto sparse = [&] {
    return training_peak(
        [&](int64_t n) { return nn::Linear({.in = n, .out = n, .sparsity = 0.95}, rng); },
        [](nn::Linear& layer, optim::AdamW& optimizer) {
          sparse::Group group(
              {{"weight", sparse::RigL({.sparsity = 0.95, .drop_fraction = 0.3, .update = {.freq = 2}})}});
          layer.apply(group);
          optimizer.apply(group);
          return group;
        });
  };
  const int64_t dense_peak = dense();
  const int64_t sparse_peak = sparse();
  const double ratio = static_cast<double>(sparse_peak) / static_cast<double>(dense_peak);
  RecordProperty("dense_peak_bytes", std::to_string(dense_peak));
  RecordProperty("sparse_peak_bytes", std::to_string(sparse_peak));
  EXPECT_LE(ratio, 0.20) << sparse_peak << " of " << dense_peak << " bytes";
  // The dense twin holds weight, gradient and two moments; a count far below that would have missed something.
  EXPECT_GE(dense_peak, int64_t{4} * 4096 * 4096 * 4);
}

}  // namespace
}  // namespace gossamer
