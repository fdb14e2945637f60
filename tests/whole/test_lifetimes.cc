// Model, optimizer and algorithm in every order of destruction, and after moves.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>

#include "gossamer/gossamer.h"

namespace gossamer::test_lifetimes {
namespace {

std::unique_ptr<nn::Sequential> make_model() {
  Generator rng(1);
  return std::make_unique<nn::Sequential>(nn::named("fc1", nn::Linear({.in = 12, .out = 20}, rng)),
                                          nn::named("act", nn::ReLU()),
                                          nn::named("fc2", nn::Linear({.in = 20, .out = 4}, rng)));
}

sparse::Group make_group() { return sparse::Group({{"*.weight", sparse::RigL({.sparsity = 0.5, .seed = 3})}}); }

Tensor loss_of(nn::Module& model, uint64_t step) {
  Tensor x = Tensor::empty({8, 12});
  fill_uniform(x, step, -1, 1);
  return cross_entropy(model(x), Tensor::zeros({8}, DType::i64));
}

TEST(Lifetimes, AnyOfModelOptimizerAndAlgorithmMayGoFirst) {
  // Orders of destruction, as permutations of {model, optimizer, algorithm}.
  for (const std::array<int, 3> order : {std::array{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}) {
    std::unique_ptr<nn::Sequential> model = make_model();
    std::optional<optim::SGD> optimizer(std::in_place, model->parameters(),
                                        optim::SgdOptions{.lr = 0.1, .momentum = 0.9});
    std::optional<sparse::Group> sparsity(make_group());
    model->apply(*sparsity);
    optimizer->apply(*sparsity);
    Tensor loss = loss_of(*model, 0);
    for (const int which : order) {
      if (which == 0) model.reset();
      if (which == 1) optimizer.reset();
      if (which == 2) sparsity.reset();
      if (loss.defined()) {
        // What is left still works on the parameters that the graph holds.
        loss.backward();
        loss = {};
      }
      if (optimizer) optimizer->step();
      if (sparsity && optimizer) {
        EXPECT_EQ(sparsity->num_sparse_params(), 2);
      }
    }
  }
}

TEST(Lifetimes, MovedObjectsGoOnTogether) {
  const auto run = [](bool move) {
    std::unique_ptr<nn::Sequential> model = make_model();
    optim::SGD optimizer(model->parameters(), {.lr = 0.1, .momentum = 0.9});
    sparse::Group sparsity = make_group();
    model->apply(sparsity);
    optimizer.apply(sparsity);
    std::optional<nn::Sequential> moved_model;
    std::optional<optim::SGD> moved_optimizer;
    std::optional<sparse::Group> moved_sparsity;
    if (move) {
      moved_model.emplace(std::move(*model));
      model.reset();
      moved_optimizer.emplace(std::move(optimizer));
      moved_sparsity.emplace(std::move(sparsity));
    }
    nn::Sequential& m = move ? *moved_model : *model;
    optim::SGD& o = move ? *moved_optimizer : optimizer;
    for (uint64_t step = 0; step < 6; ++step) {
      o.zero_grad();
      loss_of(m, step).backward();
      o.step();
    }
    return m.parameters().front().dense();
  };
  const Tensor stayed = run(false);
  const Tensor moved = run(true);
  for (int64_t i = 0; i < stayed.numel(); ++i) ASSERT_EQ(stayed.data<float>()[i], moved.data<float>()[i]) << i;
}

TEST(Lifetimes, AnAlgorithmThatIsGoneLeavesThePatternAsItIs) {
  std::unique_ptr<nn::Sequential> model = make_model();
  optim::SGD optimizer(model->parameters(), {.lr = 0.1});
  {
    sparse::Group sparsity = make_group();
    model->apply(sparsity);
    optimizer.apply(sparsity);
  }
  const auto pattern = model->parameters().front().pattern();
  loss_of(*model, 0).backward();
  optimizer.step();
  EXPECT_EQ(model->parameters().front().pattern(), pattern);
}

}  // namespace
}  // namespace gossamer::test_lifetimes
