// Micro-batches whose gradients add up are one batch: dense, CSR, and on the steps on which patterns grow by gradient.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "gossamer/gossamer.h"
#include "tests/support/golden.h"

namespace gossamer::test_gradient_accumulation {
namespace {

constexpr int64_t kBatch = 24;

// An embedding and two layers, of double.
struct Net : nn::Cloneable<Net> {
  nn::Embedding table;
  nn::Linear fc1;
  nn::Linear fc2;

  explicit Net(Generator& rng)
      : table({.num_embeddings = 15, .embedding_dim = 12, .dtype = DType::f64}, rng),
        fc1({.in = 12, .out = 20, .dtype = DType::f64}, rng),
        fc2({.in = 20, .out = 5, .dtype = DType::f64}, rng) {
    register_module("table", table);
    register_module("fc1", fc1);
    register_module("fc2", fc2);
  }
  Tensor forward(const Tensor& indices) override { return fc2(tanh(fc1(table(indices)))); }
};

Tensor indices(uint64_t key, int64_t below) {
  Tensor t = Tensor::empty({kBatch}, DType::i64);
  for (int64_t i = 0; i < kBatch; ++i) {
    t.mutable_data<int64_t>()[i] =
        static_cast<int64_t>(random_bits(key, static_cast<uint64_t>(i)) % static_cast<uint64_t>(below));
  }
  return t;
}

struct Run {
  std::vector<Tensor> values;
  int64_t changes = 0;
};

// Ten steps, each on the same samples in `parts` micro-batches. Every mean counts as its share of the batch.
Run train(int64_t parts, sparse::SparsityAlgorithm* algorithm) {
  Generator rng(7);
  Net net(rng);
  if (algorithm != nullptr) net.apply(*algorithm);
  optim::SGD optimizer(net.parameters(), {.lr = 0.2, .momentum = 0.9, .weight_decay = 1e-3});
  if (algorithm != nullptr) optimizer.apply(*algorithm);
  const int64_t size = kBatch / parts;
  for (uint64_t step = 0; step < 10; ++step) {
    const Tensor x = indices(step, 15);
    const Tensor y = indices(step + 100, 5);
    optimizer.zero_grad();
    for (int64_t part = 0; part < parts; ++part) {
      const Tensor loss =
          cross_entropy(net(slice(x, part * size, (part + 1) * size)), slice(y, part * size, (part + 1) * size));
      mul_scalar(loss, 1 / static_cast<double>(parts)).backward();
    }
    optimizer.step();
  }
  Run run;
  for (const Parameter& p : net.parameters()) {
    run.values.push_back(p.dense());
    run.values.push_back(p.mask());
    run.changes += p.last_change().changes;
  }
  return run;
}

void expect_same(const Run& a, const Run& b) {
  ASSERT_EQ(a.values.size(), b.values.size());
  for (size_t i = 0; i < a.values.size(); i += 2) {
    golden::expect_close(a.values[i], b.values[i], 1e-9, 1e-11);
    golden::expect_equal(a.values[i + 1], b.values[i + 1]);
  }
}

TEST(GradientAccumulation, OfMicroBatchesIsOneBatch) {
  for (const int64_t parts : {2, 4, 24}) expect_same(train(parts, nullptr), train(1, nullptr));
}

TEST(GradientAccumulation, IsOneBatchForCsrAndWhereConnectionsGrowByGradient) {
  const auto with = [](int64_t parts, auto algorithm) {
    sparse::Group group({{"*.weight", std::move(algorithm)}});
    return train(parts, &group);
  };
  const auto rigl = [] { return sparse::RigL({.sparsity = 0.7, .drop_fraction = 0.4, .update = {.freq = 3}}); };
  const auto snfs = [] { return sparse::SNFS({.sparsity = 0.7, .update = {.freq = 3}, .window = 3}); };
  for (const int64_t parts : {2, 8}) {
    expect_same(with(parts, sparse::Static(0.7)), with(1, sparse::Static(0.7)));
    expect_same(with(parts, rigl()), with(1, rigl()));
    expect_same(with(parts, snfs()), with(1, snfs()));
  }
  EXPECT_GT(with(2, rigl()).changes, 9);
}

}  // namespace
}  // namespace gossamer::test_gradient_accumulation
