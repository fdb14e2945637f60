// States of CSR parameters: sizes, changes of the pattern, and states that stay dense.
#include <gtest/gtest.h>

#include <vector>

#include "gossamer/optim/adam.h"
#include "gossamer/optim/sgd.h"
#include "tests/optim/support.h"

namespace gossamer::optim::test_sparse_states {
namespace {

TEST(SparseStates, HaveOneElementPerNonzero) {
  const Parameter p = csr_parameter(3, 4, {0, 5, 6, 11}, {1, 2, 3, 4});
  AdamW optimizer({p});
  set_grad(p, {1, 1, 1, 1});
  optimizer.step();
  EXPECT_EQ(optimizer.state(p)["exp_avg"].tensor().shape(), (Shape{4}));
  EXPECT_EQ(optimizer.state_bytes(), 2 * 4 * 4);
}

TEST(SparseStates, NoDenseStateExistsWhenAModelTurnsSparseAfterTheConstruction) {
  const Parameter p(Tensor::ones({3, 4}));
  AdamW optimizer({p});
  change_pattern(p, {0, 5, 6});
  EXPECT_EQ(optimizer.state_bytes(), 0);
  set_grad(p, {1, 1, 1});
  optimizer.step();
  EXPECT_EQ(optimizer.state_bytes(), 2 * 3 * 4);
}

TEST(SparseStates, FollowThePatternSurvivorsKeepTheirsAndNewOnesStartAtZero) {
  const Parameter p = csr_parameter(3, 4, {0, 5, 6, 11}, {1, 2, 3, 4});
  SGD optimizer({p}, {.lr = 1, .momentum = 0.5});
  set_grad(p, {10, 20, 30, 40});
  optimizer.step();
  change_pattern(p, {1, 5, 7, 11});
  EXPECT_EQ(elements(p, optimizer.state(p)["momentum_buffer"]), (std::vector<float>{0, 20, 0, 40}));
  EXPECT_EQ(values(p), (std::vector<float>{0, -18, 0, -36}));
  set_grad(p, {2, 0, 2, 0});
  optimizer.step();
  EXPECT_EQ(elements(p, optimizer.state(p)["momentum_buffer"]), (std::vector<float>{2, 10, 2, 20}));
  EXPECT_EQ(values(p), (std::vector<float>{-2, -28, -2, -56}));
}

TEST(SparseStates, ADenseParameterTurningSparseKeepsTheStatesOfWhatLives) {
  const Parameter p(Tensor::zeros({2, 2}));
  SGD optimizer({p}, {.lr = 1, .momentum = 0.5});
  p.values().set_grad(Tensor::from<float>({1, 2, 3, 4}, {2, 2}));
  optimizer.step();
  change_pattern(p, {1, 2});
  EXPECT_EQ(elements(p, optimizer.state(p)["momentum_buffer"]), (std::vector<float>{2, 3}));
}

TEST(SparseStates, AStateWithRequiresDenseKeepsTheDenseShapeAndIsNotPruned) {
  const Parameter p = csr_parameter(2, 2, {0, 3}, {1, 1});
  SGD optimizer({p}, {.lr = 1, .momentum = 0.5});
  const State momentum = optimizer.state(p)["momentum_buffer"];
  set_grad(p, {8, 4});
  optimizer.step();
  momentum.set_requires_dense();
  EXPECT_TRUE(momentum.requires_dense());
  EXPECT_EQ(momentum.tensor().shape(), (Shape{2, 2}));
  EXPECT_EQ(elements(momentum), (std::vector<float>{8, 0, 0, 4}));
  EXPECT_EQ(optimizer.state_bytes(), 16);

  change_pattern(p, {0, 1});
  EXPECT_EQ(elements(momentum), (std::vector<float>{8, 0, 0, 4}));
  set_grad(p, {0, 2});
  optimizer.step();  // the dead connection sees a gradient of 0: its momentum decays
  EXPECT_EQ(elements(momentum), (std::vector<float>{4, 2, 0, 2}));
  EXPECT_EQ(values(p), (std::vector<float>{-11, -2}));

  change_pattern(p, {0, 3});
  set_grad(p, {0, 0});
  optimizer.step();  // the connection that grew takes up the momentum it finds
  EXPECT_EQ(elements(momentum), (std::vector<float>{2, 1, 0, 1}));
  EXPECT_EQ(values(p), (std::vector<float>{-13, -1}));

  momentum.set_requires_dense(false);
  EXPECT_EQ(elements(p, momentum), (std::vector<float>{2, 1}));
  EXPECT_EQ(optimizer.state_bytes(), 8);
  change_pattern(p, {0});
  EXPECT_EQ(elements(p, momentum), (std::vector<float>{2}));
}

TEST(SparseStates, OneDenseStateLeavesTheOthersSparseAndTheResultTheSame) {
  const Parameter plain = csr_parameter(3, 4, {0, 5, 6, 11}, {1, 2, 3, 4});
  const Parameter mixed = plain.clone();
  AdamW reference({plain}, {.lr = 0.1, .weight_decay = 0.1});
  AdamW optimizer({mixed}, {.lr = 0.1, .weight_decay = 0.1});
  optimizer.state(mixed)["exp_avg"].set_requires_dense();
  for (int step = 0; step < 3; ++step) {
    for (const Parameter& p : {plain, mixed}) set_grad(p, {1, -2, 3, -4});
    reference.step();
    optimizer.step();
  }
  EXPECT_EQ(values(mixed), values(plain));
  EXPECT_EQ(optimizer.state(mixed)["exp_avg"].tensor().shape(), (Shape{3, 4}));
  EXPECT_EQ(elements(mixed, optimizer.state(mixed)["exp_avg_sq"]),
            elements(plain, reference.state(plain)["exp_avg_sq"]));
}

TEST(SparseStates, RequiresDenseSetBeforeTheModelTurnsSparseHoldsAfterwards) {
  const Parameter p(Tensor::zeros({2, 2}));
  SGD optimizer({p}, {.lr = 1, .momentum = 0.5});
  p.values().set_grad(Tensor::from<float>({1, 2, 3, 4}, {2, 2}));
  optimizer.step();
  const State momentum = optimizer.state(p)["momentum_buffer"];
  momentum.set_requires_dense();
  change_pattern(p, {1});
  EXPECT_EQ(elements(momentum), (std::vector<float>{1, 2, 3, 4}));
}

TEST(SparseStates, AnEmptyPatternIsNoSpecialCase) {
  const Parameter p = csr_parameter(2, 2, {}, {});
  AdamW optimizer({p}, {.skip_nonfinite = true});
  set_grad(p, {});
  optimizer.step();
  EXPECT_EQ(optimizer.state(p).step(), 1);
  EXPECT_EQ(optimizer.state_bytes(), 0);
}

}  // namespace
}  // namespace gossamer::optim::test_sparse_states
