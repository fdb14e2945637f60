// Whole training runs: CSR against masked dense, and the same bits for any number of threads.
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "gossamer/gossamer.h"
#include "tests/whole/masked_dense.h"

namespace gossamer::test_training {
namespace {

nn::Sequential make_mlp(uint64_t seed) {
  Generator rng(seed);
  return nn::Sequential(nn::named("fc1", nn::Linear({.in = 100, .out = 130}, rng)), nn::named("act1", nn::ReLU()),
                        nn::named("fc2", nn::Linear({.in = 130, .out = 70}, rng)), nn::named("act2", nn::ReLU()),
                        nn::named("fc3", nn::Linear({.in = 70, .out = 10}, rng)));
}

struct Batch {
  Tensor x;
  Tensor y;
};

// Learnable: the label is where the first ten inputs are largest.
Batch make_batch(uint64_t step, int64_t size) {
  Batch batch{Tensor::empty({size, 100}), {}};
  fill_uniform(batch.x, step, -1, 1);
  batch.y = argmax(slice(batch.x, {.dim = 1, .begin = 0, .end = 10}));
  return batch;
}

sparse::Group rigl(double sparsity) {
  return sparse::Group({{"fc[12].weight", sparse::RigL({.sparsity = sparsity,
                                                        .drop_fraction = sparse::Cosine{.init = 0.3, .half_period = 40},
                                                        .update = {.freq = 5, .stop = 40}})}});
}

TEST(Training, OfCsrWeightsGivesTheLossesOfMaskedDenseTraining) {
  nn::Sequential csr = make_mlp(3);
  nn::Sequential dense = make_mlp(3);
  sparse::Group sparsity({{"*.weight", sparse::Static(0.8)}});
  csr.apply(sparsity);
  const auto adamw = [](const std::vector<Parameter>& parameters) {
    return optim::AdamW(parameters, {.lr = 1e-2, .weight_decay = 0.01});
  };
  const auto batch_of = [](uint64_t step) { return make_batch(step, 48); };
  test::expect_losses_of_masked_dense(csr, dense, sparsity, adamw, batch_of,
                                      {.sparse = 3, .steps = 10, .tolerance = 1e-5F});
}

// FNV-1a over the bytes of everything that training makes.
class Hash {
 public:
  void add(const Tensor& t) {
    const Tensor copy = t.clone();
    switch (t.dtype()) {
      case DType::f32:
        return add(copy.data<float>(), t.bytes());
      case DType::boolean:
        return add(copy.data<bool>(), t.bytes());
      default:
        FAIL() << "unexpected dtype";
    }
  }
  uint64_t value() const { return hash_; }

 private:
  void add(const void* data, int64_t bytes) {
    const auto* p = static_cast<const unsigned char*>(data);
    for (int64_t i = 0; i < bytes; ++i) hash_ = (hash_ ^ p[i]) * 0x100000001B3;
  }
  uint64_t hash_ = 0xCBF29CE484222325;
};

uint64_t hash_after_50_steps() {
  nn::Sequential model = make_mlp(5);
  optim::AdamW optimizer(model.parameters(), {.lr = 3e-3});
  sparse::Group sparsity = rigl(0.9);
  model.apply(sparsity);
  optimizer.apply(sparsity);
  Hash hash;
  for (uint64_t step = 0; step < 50; ++step) {
    const Batch batch = make_batch(step, 100);
    const Tensor loss = cross_entropy(model(batch.x), batch.y);
    hash.add(loss);
    optimizer.zero_grad();
    loss.backward();
    optim::clip_grad_norm(model.parameters(), 1.0);
    optimizer.step();
  }
  for (const Parameter& p : model.parameters()) {
    hash.add(p.dense());
    hash.add(p.mask());
  }
  return hash.value();
}

TEST(Training, GivesTheSameBitsWithAnyNumberOfThreads) {
  const uint64_t expected = hash_after_50_steps();
  for (const int threads : {1, 2, 3, 8}) {
    uint64_t hash = 0;
    with_threads(threads, [&] { hash = hash_after_50_steps(); });
    EXPECT_EQ(hash, expected) << threads << " threads";
  }
}

TEST(Training, WithRigLLearnsAndMovesConnections) {
  nn::Sequential model = make_mlp(7);
  optim::AdamW optimizer(model.parameters(), {.lr = 3e-3});
  sparse::Group sparsity = rigl(0.8);
  model.apply(sparsity);
  optimizer.apply(sparsity);
  const Tensor first_mask = model.parameters().front().mask();
  const int64_t first_nnz = model.parameters().front().nnz();
  float first = 0;
  float last = 0;
  for (uint64_t step = 0; step < 200; ++step) {
    const Batch batch = make_batch(step, 64);
    const Tensor loss = cross_entropy(model(batch.x), batch.y);
    if (step == 0) first = loss.item<float>();
    last = loss.item<float>();
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
  }
  EXPECT_LT(last, 0.6F * first);
  EXPECT_EQ(model.parameters().front().nnz(), first_nnz);
  const Tensor mask = model.parameters().front().mask();
  EXPECT_NE(std::memcmp(mask.data<bool>(), first_mask.data<bool>(), static_cast<size_t>(mask.bytes())), 0);
}

TEST(Training, SurvivesANanBatchAtAnUpdateStepWithItsPattern) {
  nn::Sequential model = make_mlp(9);
  optim::AdamW optimizer(model.parameters(), {.lr = 1e-3, .skip_nonfinite = true});
  sparse::Group sparsity({{"fc?.weight", sparse::RigL({.sparsity = 0.7})}});
  model.apply(sparsity);
  optimizer.apply(sparsity);
  const Tensor before = model.parameters().front().dense();
  Batch batch = make_batch(1, 16);
  batch.x.fill(std::numeric_limits<double>::quiet_NaN());
  cross_entropy(model(batch.x), batch.y).backward();
  optimizer.step();
  const Tensor after = model.parameters().front().dense();
  EXPECT_EQ(std::memcmp(before.data<float>(), after.data<float>(), static_cast<size_t>(before.bytes())), 0);
}

}  // namespace
}  // namespace gossamer::test_training
