// A frozen model answers as before, and keeps nothing for training.
#include <gtest/gtest.h>

#include <utility>

#include "gossamer/gossamer.h"
#include "tests/support/tensors.h"

namespace gossamer::nn::test_freeze {
namespace {

TEST(Freeze, AnswersAsBeforeRecordsNothingAndDropsWhatTrainingBuilt) {
  Generator rng(1);
  Sequential model{named("fc1", Linear({.in = 40, .out = 30}, rng)), ReLU(), Dropout({.p = 0.5}, rng),
                   named("fc2", Linear({.in = 30, .out = 4, .sparsity = 0.8}, rng))};
  const Tensor x = uniform({8, 40}, 2, DType::f32);
  model.eval();
  const Tensor before = model(x);
  const Parameter weight = model["fc2"].parameters()[0];
  const int64_t served = weight.index_bytes();
  model.train();
  sum(model(x)).backward();
  ASSERT_GT(weight.index_bytes(), served) << "backward must have built the plan of the transposed weight";

  freeze(model);
  const Tensor after = model(x);
  EXPECT_FALSE(after.requires_grad());
  EXPECT_EQ(to_vector<float>(after), to_vector<float>(before));
  EXPECT_EQ(weight.index_bytes(), served);
  for (const Parameter& p : model.parameters()) {
    EXPECT_EQ(p.grad_bytes(), 0) << p.name();
    EXPECT_FALSE(p.requires_grad()) << p.name();
  }
  EXPECT_FALSE(model.training());
}

TEST(Freeze, IsUndoneByItsParts) {
  Generator rng(1);
  Linear model({.in = 4, .out = 3, .sparsity = 0.5}, rng);
  freeze(model);
  model.train();
  for (const Parameter& p : model.parameters()) p.set_requires_grad(true);
  sum(model(Tensor::ones({2, 4}))).backward();
  EXPECT_TRUE(model.parameters()[0].grad().defined());
}

}  // namespace
}  // namespace gossamer::nn::test_freeze
