// Top-KAST: which connections forward uses, which are trained, and how both change.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/functional.h"
#include "gossamer/ops.h"
#include "gossamer/optim/adam.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/sparse/topkast.h"
#include "sparse/selection/select.h"
#include "tests/sparse/support.h"
#include "tests/support/golden.h"

namespace gossamer::sparse::test_topkast {
namespace {

using golden::expect_close;
using golden::expect_equal;
using test::contains;
using test::dense_parameter;
using test::mask_string;
using test::positions_of;
using test::select;
using test::set_dense_gradient;
using test::uniform;

TopKASTOptions options() {
  return {.sparsity = 0.7, .forward_sparsity = 0.9, .drop_fraction = 0.5, .update = {.freq = 3}};
}

// The k largest magnitudes of the pattern, by sorting; ascending.
Positions largest(const Parameter& p, int64_t k) {
  Positions positions = positions_of(*p.pattern());
  const Tensor w = p.dense();
  const auto magnitude = [&](int64_t at) { return std::abs(w.data<float>()[at]); };
  std::ranges::stable_sort(positions, [&](int64_t a, int64_t b) { return magnitude(a) > magnitude(b); });
  positions.resize(static_cast<size_t>(std::min(k, p.nnz())));
  std::ranges::sort(positions);
  return positions;
}

bool includes(const Positions& all, const Positions& some) { return std::ranges::includes(all, some); }

TEST(TopKAST, ForwardUsesTheLargestOfWhatIsTrained) {
  const Parameter p = dense_parameter("w", {20, 30}, 1);
  TopKAST algorithm(options());
  algorithm.apply({p});
  EXPECT_EQ(p.nnz(), num_kept(0.7F, 600));
  ASSERT_NE(p.forward_pattern(), nullptr);
  EXPECT_EQ(positions_of(*p.forward_pattern()), largest(p, num_kept(0.9F, 600)));
}

TEST(TopKAST, OutputsAndInputGradientsSeeAAndTheWeightGradientCoversB) {
  const Parameter p = dense_parameter("w", {20, 30}, 2);
  TopKAST algorithm(options());
  algorithm.apply({p});
  Tensor x = uniform({40, 30}, 3);
  x.set_requires_grad();
  const Tensor dy = uniform({40, 20}, 4);
  const Tensor y = linear(x, p);
  y.backward(dy);
  const Tensor a = select(p.dense(), p.forward_pattern()->mask());
  expect_close(y.detach(), matmul(x.detach(), transpose(a, 0, 1)), 1e-4, 1e-5);
  expect_close(x.grad(), matmul(dy, a), 1e-4, 1e-5);
  expect_close(p.grad(), p.pattern()->gather(matmul(transpose(dy, 0, 1), x.detach())), 1e-4, 1e-5);
}

TEST(TopKAST, AnUpdateKeepsAAndTheBestOfTheRestAndExploresAtRandom) {
  const auto run = [](uint64_t seed) {
    const Parameter p = dense_parameter("w", {20, 30}, 5);
    optim::SGD optimizer({p}, {.lr = 0.05, .momentum = 0.9});
    TopKASTOptions settings = options();
    settings.seed = seed;
    TopKAST algorithm(settings);
    algorithm.apply({p});
    optimizer.apply(algorithm);
    algorithm.set_autoupdate(false);
    const int64_t forward = num_kept(0.9F, 600);
    const int64_t backward = num_kept(0.7F, 600);
    for (uint64_t step = 1; step <= 9; ++step) {
      SCOPED_TRACE(testing::Message() << "step " << step);
      set_dense_gradient(p, uniform(p.shape(), 10 + step));
      optimizer.step();
      const Positions before = positions_of(*p.pattern());
      const auto forward_before = p.forward_pattern();
      const Tensor values = p.dense();
      const Tensor momentum = test::densify(p, optimizer.state(p)["momentum_buffer"]);
      const Tensor mask = p.mask();
      const Positions stay = largest(p, forward + static_cast<int64_t>(0.5F * static_cast<float>(backward - forward)));
      algorithm.update(&optimizer);
      const Positions after = positions_of(*p.pattern());
      if (step % 3 != 0) {
        EXPECT_EQ(after, before);
        EXPECT_EQ(p.forward_pattern(), forward_before);
        continue;
      }
      EXPECT_EQ(p.nnz(), backward);
      EXPECT_TRUE(includes(after, stay));
      EXPECT_EQ(positions_of(*p.forward_pattern()), largest(p, forward));
      EXPECT_TRUE(includes(stay, positions_of(*p.forward_pattern())));
      // Survivors keep value and state; what is new starts at 0.
      Tensor survivors = p.mask();
      for (int64_t at = 0; at < 600; ++at) survivors.mutable_data<bool>()[at] &= mask.data<bool>()[at];
      expect_equal(p.dense(), select(values, survivors));
      expect_equal(test::densify(p, optimizer.state(p)["momentum_buffer"]), select(momentum, survivors));
    }
    return mask_string(p);
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(TopKAST, AConnectionOutsideForwardEntersWhenItsMagnitudeHasGrown) {
  // Two connections, of which forward uses one. The loss is x1 w1 + x2 w2: the other learns, and overtakes.
  const Parameter p(Tensor::from<float>({1, 0.5}, {1, 2}), "w");
  optim::SGD optimizer({p}, {.lr = 0.5});
  TopKAST algorithm({.sparsity = 0.0, .forward_sparsity = 0.5, .drop_fraction = 0.0});
  algorithm.apply({p});
  optimizer.apply(algorithm);
  EXPECT_EQ(positions_of(*p.forward_pattern()), (Positions{0}));
  const Tensor x = Tensor::from<float>({0, -2}, {1, 2});
  const Tensor y = linear(x, p);
  EXPECT_EQ(y.item<float>(), 0);  // the second connection does not take part
  sum(y).backward();
  optimizer.step();  // w2 = 0.5 + 0.5 * 2
  expect_equal(p.dense(), Tensor::from<float>({1, 1.5}, {1, 2}));
  EXPECT_EQ(positions_of(*p.forward_pattern()), (Positions{1}));
  EXPECT_EQ(linear(x, p).item<float>(), -3);
}

TEST(TopKAST, TheExplorationLossWeighsWhatIsOutsideForwardByTheInverseDensity) {
  const Parameter p(Tensor::from<float>({4, -3, 2, -1}, {1, 4}), "w");
  TopKAST algorithm({.sparsity = 0.25, .forward_sparsity = 0.5, .init_method = [](const InitContext&) {
                       return CsrPattern::from_positions(1, 4, Positions{0, 1, 2});
                     }});
  algorithm.apply({p});
  const Tensor loss = algorithm.exploration_loss();
  EXPECT_FLOAT_EQ(loss.item<float>(), 16 + 9 + 4 / 0.5F);
  loss.backward();
  expect_equal(test::densify(p, p.grad()), Tensor::from<float>({8, -6, 8, 0}, {1, 4}));
  EXPECT_EQ(TopKAST(options()).exploration_loss().item<float>(), 0);
}

TEST(TopKAST, FinishLeavesWhatForwardUsed) {
  const Parameter p = dense_parameter("w", {20, 30}, 30);
  TopKAST algorithm(options());
  algorithm.apply({p});
  const auto forward = p.forward_pattern();
  const Tensor x = uniform({5, 30}, 31);
  const Tensor y = linear(x, p).detach();
  algorithm.finish();
  EXPECT_EQ(*p.pattern(), *forward);
  EXPECT_EQ(p.forward_pattern(), nullptr);
  expect_close(linear(x, p).detach(), y);
}

TEST(TopKAST, StartsDenseInBothWhereStepZeroIsNoUpdateStep) {
  const Parameter p = dense_parameter("w", {20, 30}, 40);
  TopKASTOptions settings = options();
  settings.update = {.freq = 2, .start = 2};
  TopKAST algorithm(settings);
  algorithm.apply({p});
  EXPECT_EQ(p.nnz(), 600);
  EXPECT_EQ(p.forward_pattern(), nullptr);
  for (int step = 1; step <= 2; ++step) {
    set_dense_gradient(p, uniform(p.shape(), 41));
    algorithm.update();
  }
  EXPECT_EQ(p.nnz(), num_kept(0.7F, 600));
  EXPECT_EQ(p.forward_pattern()->nnz(), num_kept(0.9F, 600));
}

TEST(TopKAST, EqualSparsitiesUseAllThatIsStored) {
  const Parameter p = dense_parameter("w", {20, 30}, 50);
  TopKAST algorithm({.sparsity = 0.8, .forward_sparsity = 0.8});
  algorithm.apply({p});
  EXPECT_EQ(p.forward_pattern(), nullptr);
}

TEST(TopKAST, AForwardSparsityBelowTheBackwardOneIsAConfigErrorThatChangesNothing) {
  for (const float bad : {0.5F, std::nanf("")}) {
    const Parameter p = dense_parameter("w", {20, 30}, 60);
    TopKASTOptions settings = options();
    settings.forward_sparsity = Lambda{[bad](int64_t step) { return step == 3 ? bad : 0.9; }};
    TopKAST algorithm(settings);
    algorithm.apply({p});
    const std::string before = mask_string(p);
    const auto forward = p.forward_pattern();
    for (int step = 1; step <= 2; ++step) {
      set_dense_gradient(p, uniform(p.shape(), 61));
      algorithm.update();
    }
    EXPECT_TRUE(contains(message_of<ConfigError>([&] { algorithm.update(); }), "forward_sparsity"));
    EXPECT_EQ(mask_string(p), before);
    EXPECT_EQ(p.forward_pattern(), forward);
  }
  const Parameter p = dense_parameter("w", {20, 30}, 63);
  TopKAST wrong({.sparsity = 0.7, .forward_sparsity = 0.5});
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { wrong.apply({p}); }), "'w' must be at least its sparsity"));
  EXPECT_FALSE(p.is_csr());
  EXPECT_THROW(TopKAST({.forward_sparsity = 1.0}), ConfigError);
  EXPECT_THROW(TopKAST({.sparsity = -1.0}), ConfigError);
}

TEST(TopKAST, AForwardScheduleThatStartsAtNanChangesNothingWhenApplied) {
  const Parameter p = dense_parameter("w", {20, 30}, 62);
  TopKASTOptions settings = options();
  settings.forward_sparsity = Lambda{[](int64_t) { return std::nan(""); }};
  TopKAST algorithm(settings);
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { algorithm.apply({p}); }), "NaN at step 0"));
  EXPECT_FALSE(p.is_csr());
}

TEST(TopKAST, TrainsARegressionThatItsFirstForwardPatternCannotSolve) {
  // y = x W^T with a sparse W whose connections the first pattern mostly misses.
  const Tensor target = test::random_csr({8, 16}, 0.15, 70).dense();
  const Parameter p(mul_scalar(uniform({8, 16}, 72), 0.1), "w");
  optim::Adam optimizer({p}, {.lr = 0.02});
  TopKAST algorithm({.sparsity = 0.5, .forward_sparsity = 0.75, .drop_fraction = 0.5, .update = {.freq = 10}});
  algorithm.apply({p});
  optimizer.apply(algorithm);
  double first = 0;
  double last = 0;
  for (uint64_t step = 0; step < 400; ++step) {
    const Tensor x = uniform({64, 16}, 1000 + step);
    const Tensor error = linear(x, p) - matmul(x, transpose(target, 0, 1));
    const Tensor loss = mean(error * error);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    if (step == 0) first = loss.item<double>();
    last = loss.item<double>();
  }
  EXPECT_LT(last, 0.05 * first);
}

}  // namespace
}  // namespace gossamer::sparse::test_topkast
