// Any parameter can be sparsified: what has no CSR kernel computes through the general way, with the results of its
// masked dense twin and states of its nonzeros alone.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "gossamer/functional.h"
#include "gossamer/nn/module.h"
#include "gossamer/ops.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/random.h"
#include "gossamer/sparse/rigl.h"
#include "gossamer/sparse/static.h"
#include "tests/sparse/support.h"
#include "tests/support/golden.h"

namespace gossamer::sparse::test_general_way {
namespace {

using golden::expect_close;
using test::densify;
using test::uniform;

constexpr int64_t kWords = 12;
constexpr int64_t kWidth = 8;

// An embedding looked up by products, a scale, a stack of matrices, and a layer with its own kernel and a bias.
struct Net : nn::Module {
  Parameter embedding{uniform({kWords, kWidth}, 1)};
  Parameter scale{uniform({kWidth}, 2)};
  Parameter stack{uniform({2, kWidth, kWidth}, 3)};
  Parameter weight{uniform({4, kWidth}, 4)};
  Parameter bias{uniform({4}, 5)};

  Net() {
    register_parameter("embedding", embedding);
    register_parameter("scale", scale);
    register_parameter("stack", stack);
    register_parameter("weight", weight);
    register_parameter("bias", bias);
  }

  // words: one-hot rows [n, kWords]
  Tensor forward(const Tensor& words) override {
    const Tensor looked_up = matmul(words, embedding.tensor()) * scale.tensor();
    const Tensor mixed = sum(matmul(reshape(looked_up, {1, -1, kWidth}), stack.tensor()), {.dims = {0}});
    return linear(relu(mixed), weight, bias);
  }
};

Tensor one_hot(uint64_t key) {
  Tensor words = Tensor::zeros({16, kWords});
  for (int64_t i = 0; i < 16; ++i) {
    words
        .mutable_data<float>()[i * kWords + static_cast<int64_t>(random_bits(key, static_cast<uint64_t>(i)) % kWords)] =
        1;
  }
  return words;
}

void backward(Net& net, uint64_t step) {
  const Tensor labels = Tensor::from<int64_t>({0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3}, {16});
  cross_entropy(net(one_hot(step)), labels).backward();
}

TEST(GeneralWay, StaticSparsityOnEveryParameterEqualsItsMaskedDenseTwin) {
  Net net;
  Net twin;
  Static sparsity(0.3);
  net.apply(sparsity);
  EXPECT_EQ(sparsity.num_sparse_params(), 5);
  const auto parameters = net.parameters();
  const auto dense = twin.parameters();
  for (size_t i = 0; i < parameters.size(); ++i) {
    EXPECT_EQ(parameters[i].nnz(), num_kept(0.3F, parameters[i].numel()));
    dense[i].values().detach().copy_from(parameters[i].dense());
  }
  optim::SGD optimizer(parameters, {.lr = 0.1, .momentum = 0.9});
  optim::SGD dense_optimizer(dense, {.lr = 0.1, .momentum = 0.9});
  optimizer.apply(sparsity);
  for (uint64_t step = 0; step < 10; ++step) {
    optimizer.zero_grad();
    dense_optimizer.zero_grad();
    backward(net, step);
    backward(twin, step);
    for (size_t i = 0; i < parameters.size(); ++i) {
      const Tensor masked = test::select(dense[i].grad(), parameters[i].mask());
      dense[i].values().set_grad(masked);
      EXPECT_EQ(parameters[i].grad().numel(), parameters[i].nnz());
      expect_close(densify(parameters[i], parameters[i].grad()), masked);
    }
    optimizer.step();
    dense_optimizer.step();
    for (size_t i = 0; i < parameters.size(); ++i) expect_close(parameters[i].dense(), dense[i].dense());
  }
  for (const Parameter& p : parameters) {
    EXPECT_EQ(optimizer.state(p)["momentum_buffer"].tensor().numel(), p.nnz());
  }
}

TEST(GeneralWay, RigLGrowsByTheDenseGradientThere) {
  Net net;
  Net twin;
  RigL sparsity({.sparsity = 0.5, .drop_fraction = 0.5});
  net.apply(sparsity);
  for (size_t i = 0; i < 5; ++i) twin.parameters()[i].values().detach().copy_from(net.parameters()[i].dense());
  const Parameter& p = net.embedding;
  backward(net, 1);
  backward(twin, 1);
  const Tensor before = p.mask();
  sparsity.update();
  const Tensor after = p.mask();
  const Tensor gradient = twin.embedding.grad();
  // No absent connection has a larger gradient than one that grew.
  double smallest_grown = 1e30;
  double largest_absent = 0;
  for (int64_t i = 0; i < p.numel(); ++i) {
    const double g = std::abs(gradient.data<float>()[i]);
    if (after.data<bool>()[i] && !before.data<bool>()[i]) smallest_grown = std::min(smallest_grown, g);
    if (!after.data<bool>()[i]) largest_absent = std::max(largest_absent, g);
  }
  EXPECT_EQ(p.nnz(), 48);
  EXPECT_LT(smallest_grown, 1e30);
  EXPECT_GE(smallest_grown, largest_absent * (1 - 1e-5));
}

}  // namespace
}  // namespace gossamer::sparse::test_general_way
