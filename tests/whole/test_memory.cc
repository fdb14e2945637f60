// Memory of sparse training against that of its dense twin, counted byte by byte.
#include <gtest/gtest.h>

#include "gossamer/gossamer.h"
#include "tests/whole/counting_new.h"

namespace gossamer::test_memory {
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

TEST(Memory, OfSeveralLayersWhosePlansWaitForEachOtherIsAtMostAFifthOfTheDenseTwin) {
  constexpr int64_t kSize = 2048;
  const auto peak = [&](double sparsity) {
    const int64_t before = test::live_bytes();
    test::reset_peak();
    {
      Generator rng(1);
      const auto layer = [&] { return nn::Linear({.in = kSize, .out = kSize, .sparsity = sparsity}, rng); };
      nn::Sequential model{layer(), layer(), layer(), layer()};
      optim::AdamW optimizer(model.parameters(), {.lr = 1e-3});
      sparse::Group group({{"*.weight", sparse::RigL({.sparsity = sparsity, .update = {.freq = 2}})}});
      if (sparsity > 0) {
        model.apply(group);
        optimizer.apply(group);
      }
      Tensor x = Tensor::empty({16, kSize});
      const Tensor labels = Tensor::zeros({16}, DType::i64);
      for (uint64_t step = 0; step < 4; ++step) {
        fill_uniform(x, step, -1, 1);
        const Tensor loss = cross_entropy(model(x), labels);
        optimizer.zero_grad();
        loss.backward();
        optimizer.step();
      }
    }
    return test::peak_bytes() - before;
  };
  const int64_t dense_peak = peak(0);
  const int64_t sparse_peak = peak(0.95);
  RecordProperty("dense_peak_bytes", std::to_string(dense_peak));
  RecordProperty("sparse_peak_bytes", std::to_string(sparse_peak));
  EXPECT_LE(sparse_peak, dense_peak / 5) << sparse_peak << " of " << dense_peak << " bytes";
}

TEST(Memory, OfAParameterWithoutAKernelIsDenseOnlyWhileItsGraphLives) {
  constexpr int64_t kWords = 8192;
  constexpr int64_t kWidth = 1024;
  const Parameter embedding(Tensor::ones({kWords, kWidth}), "embedding");
  optim::AdamW optimizer({embedding}, {.lr = 1e-3});
  sparse::Static sparsity(0.95);
  const int64_t before = test::live_bytes();
  sparsity.apply({embedding});
  optimizer.apply(sparsity);
  Tensor words = Tensor::zeros({16, kWords});
  for (int64_t i = 0; i < 16; ++i) words.mutable_data<float>()[i * kWords + 500 * i] = 1;
  for (int step = 0; step < 2; ++step) {
    const Tensor loss = mean(matmul(words, embedding.tensor()));
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
  }
  // The dense values that were there before are gone too.
  const int64_t dense_bytes = kWords * kWidth * 4;
  const int64_t live = test::live_bytes() - before + dense_bytes;
  EXPECT_LE(live, dense_bytes * 3 / 10) << live << " of " << dense_bytes;
  EXPECT_EQ(optimizer.state_bytes(), 2 * embedding.value_bytes());
}

}  // namespace
}  // namespace gossamer::test_memory
