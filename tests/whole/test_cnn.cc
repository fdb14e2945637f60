// The network of examples/cnn.cc in small: training, evaluation, copies, and CSR against masked dense convolutions.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "examples/cnn_model.h"
#include "tests/whole/masked_dense.h"

namespace gossamer::test_cnn {
namespace {

constexpr int64_t kBatch = 16;
constexpr int64_t kSize = 12;

cnn::Net make_net(uint64_t seed) {
  Generator rng(seed);
  return cnn::Net({.classes = 4, .width = 16, .stages = 2, .blocks = 1}, rng);
}

struct Batch {
  Tensor x;
  Tensor y;
};

// Noise that is brighter in the quarter that the label names.
Batch make_batch(uint64_t step) {
  Batch batch{Tensor::empty({kBatch, 1, kSize, kSize}), Tensor::empty({kBatch}, DType::i64)};
  fill_uniform(batch.x, step, -1, 1);
  for (int64_t i = 0; i < kBatch; ++i) {
    const int64_t label = i % 4;
    batch.y.mutable_data<int64_t>()[i] = label;
    for (int64_t row = 0; row < kSize / 2; ++row) {
      for (int64_t col = 0; col < kSize / 2; ++col) {
        const int64_t at = (row + label / 2 * kSize / 2) * kSize + col + label % 2 * kSize / 2;
        batch.x.mutable_data<float>()[i * kSize * kSize + at] += 1;
      }
    }
  }
  return batch;
}

sparse::Group rigl() {
  return sparse::Group({{cnn::kSparseWeights, sparse::RigL({.sparsity = 0.9, .update = {.freq = 4, .stop = 16}})}});
}

// The losses of a number of steps.
std::vector<float> train(cnn::Net& net, sparse::Group& sparsity, uint64_t steps) {
  net.apply(sparsity);
  optim::SGD optimizer(net.parameters(), {.lr = 0.05, .momentum = 0.9});
  optimizer.apply(sparsity);
  std::vector<float> losses;
  for (uint64_t step = 0; step < steps; ++step) {
    const Batch batch = make_batch(step);
    const Tensor loss = cross_entropy(net(batch.x), batch.y);
    losses.push_back(loss.item<float>());
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
  }
  return losses;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) return false;
  bool same = false;
  const auto compare = [&]<class T>(T) {
    same = std::memcmp(a.data<T>(), b.data<T>(), static_cast<size_t>(a.bytes())) == 0;
  };
  if (a.dtype() == DType::f32) compare(0.0F);
  if (a.dtype() == DType::i64) compare(int64_t{0});
  if (a.dtype() == DType::boolean) compare(false);
  return same;
}

bool same_bits(const StateDict& a, const StateDict& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [name, tensor] : a) {
    const auto other = b.find(name);
    if (other == b.end() || !same_bits(tensor, other->second)) return false;
  }
  return true;
}

TEST(Cnn, LearnsDenseAndSparse) {
  sparse::Group none = sparse::Group::none();
  sparse::Group sparse = rigl();
  for (sparse::Group* group : {&none, &sparse}) {
    cnn::Net net = make_net(1);
    const std::vector<float> losses = train(net, *group, 24);
    EXPECT_GT(losses.front(), 1) << group->size();
    EXPECT_LT(losses.back(), 0.3 * losses.front()) << group->size();
  }
  ASSERT_EQ(sparse.num_sparse_params(), 5);
  for (const auto& p : sparse.sparse_params()) {
    EXPECT_NEAR(p.param().sparsity(), 0.9, 2.0 / static_cast<double>(p.param().numel())) << p.name();
    EXPECT_GT(p.param().last_change().grown, 0) << p.name();
  }
}

TEST(Cnn, LooksAtEachImageByItselfInEvaluationAndChangesNothing) {
  cnn::Net net = make_net(2);
  sparse::Group sparsity = rigl();
  train(net, sparsity, 4);
  const NoGrad no_grad;
  const Batch batch = make_batch(100);
  net.eval();
  const StateDict before = net.state_dict();
  const Tensor logits = net(batch.x);
  for (int64_t i = 0; i < kBatch; ++i) {
    const Tensor alone = net(slice(batch.x, i, i + 1));
    for (int64_t c = 0; c < 4; ++c) {
      EXPECT_NEAR(alone.data<float>()[c], logits.data<float>()[4 * i + c], 1e-5) << i;
    }
  }
  EXPECT_TRUE(same_bits(net.state_dict(), before));
  net.train();
  EXPECT_FALSE(same_bits(net(batch.x), logits));
  EXPECT_FALSE(same_bits(net.state_dict(), before));
}

TEST(Cnn, IsCopiedWithPatternsAndRunningStatistics) {
  cnn::Net net = make_net(3);
  sparse::Group sparsity = rigl();
  train(net, sparsity, 4);
  net.eval();
  const StateDict state = net.state_dict();
  for (const char* name :
       {"norm.running_mean", "blocks.1.shortcut.norm.running_var", "blocks.0.norm2.num_batches_tracked",
        "blocks.1.conv1.weight_mask", "blocks.1.shortcut.conv.weight_mask"}) {
    EXPECT_TRUE(state.contains(name)) << name;
  }
  EXPECT_FALSE(state.contains("stem.weight_mask"));
  EXPECT_FALSE(state.contains("head.weight_mask"));

  cnn::Net loaded = make_net(4);
  loaded.load_state_dict(state);
  loaded.eval();
  const auto clone = net.clone();
  const Batch batch = make_batch(100);
  const Tensor logits = net(batch.x);
  for (nn::Module* copy : {static_cast<nn::Module*>(&loaded), clone.get()}) {
    EXPECT_TRUE(same_bits(copy->state_dict(), state));
    EXPECT_TRUE(same_bits((*copy)(batch.x), logits));
  }
}

TEST(Cnn, WithCsrWeightsGivesTheLossesOfMaskedDenseTraining) {
  cnn::Net csr = make_net(5);
  cnn::Net dense = make_net(5);
  sparse::Group sparsity({{cnn::kSparseWeights, sparse::Static(0.8)}});
  csr.apply(sparsity);
  for (const Parameter& p : csr.parameters()) {
    if (p.is_csr()) p.set_execution(Execution::Csr);
  }
  const auto sgd = [](const std::vector<Parameter>& parameters) {
    return optim::SGD(parameters, {.lr = 0.02, .momentum = 0.9});
  };
  test::expect_losses_of_masked_dense(csr, dense, sparsity, sgd, make_batch,
                                      {.sparse = 5, .steps = 6, .tolerance = 1e-4F});
}

}  // namespace
}  // namespace gossamer::test_cnn
