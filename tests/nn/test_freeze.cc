// A frozen model answers as before, and keeps nothing for training.
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "gossamer/gossamer.h"
#include "tests/support/errors.h"
#include "tests/support/golden.h"
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

TEST(Freeze, LeavesAStepNothingToUpdate) {
  Generator rng(1);
  Linear model({.in = 8, .out = 6}, rng);
  sparse::GMP gmp({.sparsity = sparse::Linear{.init = 0.1, .slope = 0.1}});
  model.apply(gmp);
  optim::AdamW optimizer(model.parameters(), {.lr = 0.1, .weight_decay = 0.5});
  optimizer.apply(gmp);
  sum(model(Tensor::ones({2, 8}))).backward();
  optimizer.step();
  const StateDict before = model.state_dict();
  freeze(model);
  for (int i = 0; i < 3; ++i) optimizer.step();
  for (const auto& [name, tensor] : model.state_dict()) golden::expect_equal(tensor, before.at(name));
}

TEST(Freeze, IsNamedWhereBackwardFindsNothing) {
  Generator rng(1);
  Linear model({.in = 4, .out = 3}, rng);
  freeze(model);
  const std::string message = message_of<StateError>([&] { sum(model(Tensor::ones({2, 4}))).backward(); });
  EXPECT_TRUE(message.ends_with("or is the model frozen (nn::freeze)?")) << message;
}

TEST(Freeze, IsUndoneByUnfreeze) {
  Generator rng(1);
  Linear model({.in = 4, .out = 3, .sparsity = 0.5}, rng);
  freeze(model);
  unfreeze(model);
  EXPECT_TRUE(model.training());
  sum(model(Tensor::ones({2, 4}))).backward();
  EXPECT_TRUE(model.parameters()[0].grad().defined());
}

}  // namespace
}  // namespace gossamer::nn::test_freeze
