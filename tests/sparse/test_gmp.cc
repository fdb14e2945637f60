// GMP: pruning by magnitude along a schedule, in both directions.
#include "gossamer/sparse/gmp.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/optim/adam.h"
#include "sparse/selection/select.h"
#include "tests/sparse/support.h"
#include "tests/support/golden.h"

namespace gossamer::sparse::test_gmp {
namespace {

using golden::expect_equal;
using test::contains;
using test::dense_parameter;
using test::densify;
using test::LogCapture;
using test::mask_string;
using test::set_dense_gradient;
using test::uniform;

Schedule at_steps(std::vector<double> values) {
  return Lambda{[values](int64_t step) { return values[static_cast<size_t>(step)]; }};
}

void step(GMP& algorithm, const Parameter& p) {
  set_dense_gradient(p, Tensor::zeros(p.shape()));
  algorithm.update();
}

TEST(GMP, KeepsTheLargestMagnitudesOfWhatLives) {
  const Parameter p(Tensor::from<float>({1, -6, 3, -2, 5, 4, 0.5, -8}, {2, 4}), "w");
  GMP algorithm({.sparsity = at_steps({0.0, 0.25, 0.5, 0.75})});
  algorithm.apply({p});
  EXPECT_EQ(mask_string(p), "11111111");
  step(algorithm, p);
  EXPECT_EQ(mask_string(p), "01111101");
  step(algorithm, p);
  EXPECT_EQ(mask_string(p), "01001101");
  step(algorithm, p);
  EXPECT_EQ(mask_string(p), "01000001");
  expect_equal(p.dense(), Tensor::from<float>({0, -6, 0, 0, 0, 0, 0, -8}, {2, 4}));
}

TEST(GMP, GrowsAbsentConnectionsOfTheLowestPositionsWhenTheSparsityGoesDown) {
  const Parameter p(Tensor::from<float>({1, -6, 3, -2, 5, 4, 0.5, -8}, {2, 4}), "w");
  GMP algorithm({.sparsity = at_steps({0.75, 0.5, 0.0}), .init_method = topk});
  algorithm.apply({p});
  EXPECT_EQ(mask_string(p), "01000001");
  step(algorithm, p);
  EXPECT_EQ(mask_string(p), "11100001");
  expect_equal(p.dense(), Tensor::from<float>({0, -6, 0, 0, 0, 0, 0, -8}, {2, 4}));
  step(algorithm, p);
  EXPECT_TRUE(p.pattern()->is_full());
  expect_equal(p.dense(), Tensor::from<float>({0, -6, 0, 0, 0, 0, 0, -8}, {2, 4}));
}

TEST(GMP, CyclesBetweenDenseAndSparse) {
  // AC/DC, https://arxiv.org/abs/2106.12379: every connection lives in the dense phases.
  const Parameter p = dense_parameter("w", {10, 10}, 1);
  GMP algorithm({.sparsity = {0.0, 0.9}, .update = {.freq = 2}});
  algorithm.apply({p});
  std::vector<int64_t> counts{p.nnz()};
  for (int i = 0; i < 8; ++i) {
    step(algorithm, p);
    counts.push_back(p.nnz());
  }
  EXPECT_EQ(counts, (std::vector<int64_t>{100, 100, 10, 10, 100, 100, 10, 10, 100}));
}

TEST(GMP, KeepsCountsSurvivorsAndTheirStatesOverAnySequenceOfSparsities) {
  uint64_t key = 100;
  for (const Shape& shape : {Shape{30, 40}, Shape{100}, Shape{6, 4, 3, 5}}) {
    std::vector<double> sparsities;
    for (uint64_t i = 0; i < 13; ++i) sparsities.push_back(i == 5 ? 1.0 : random_double(++key, 0));
    const Parameter p = dense_parameter("w", shape, ++key);
    GMP algorithm({.sparsity = at_steps(sparsities)});
    algorithm.set_autoupdate(false);
    optim::Adam optimizer({p}, {.lr = 0.05});
    algorithm.apply({p});
    algorithm.apply(optimizer);
    const MatrixSize size = as_matrix(shape);
    for (size_t i = 1; i < sparsities.size(); ++i) {
      SCOPED_TRACE(testing::Message() << shape.to_string() << " step " << i);
      set_dense_gradient(p, uniform(shape, ++key));
      optimizer.step();
      const auto state = [&](const char* name) { return densify(p, optimizer.state(p)[name].tensor()); };
      const std::vector<Tensor> old{p.dense(), state("exp_avg"), state("exp_avg_sq")};
      const int64_t target = num_kept(static_cast<float>(sparsities[i]), shape.numel());
      const Positions kept = largest_magnitudes(*p.topology(), p.values(), {size.rows, size.cols}, target);
      algorithm.update();
      EXPECT_EQ(p.nnz(), target);
      const Positions after = test::positions_of(*p.pattern());
      EXPECT_TRUE(std::ranges::includes(after, kept));
      const std::vector<Tensor> now{p.dense(), state("exp_avg"), state("exp_avg_sq")};
      for (size_t s = 0; s < now.size(); ++s) expect_equal(now[s], test::select(old[s], p.mask()));
    }
  }
}

TEST(GMP, RanksNanBelowEveryNumber) {
  const Parameter p(golden::tensor_from_values({"nan", 1, 2, 0}, {2, 2}), "w");
  GMP algorithm({.sparsity = at_steps({0.0, 0.25, 0.5})});
  algorithm.apply({p});
  step(algorithm, p);
  EXPECT_EQ(mask_string(p), "0111");
}

TEST(GMP, StartsDenseWhenStepZeroIsNoUpdateStep) {
  const Parameter p = dense_parameter("w", {10, 10}, 2);
  GMP algorithm(
      {.sparsity = Cubic{.init = 0.5, .final = 0.9, .start = 2, .end = 6}, .update = {.freq = 2, .start = 2}});
  algorithm.apply({p});
  std::vector<int64_t> counts{p.nnz()};
  for (int i = 0; i < 6; ++i) {
    step(algorithm, p);
    counts.push_back(p.nnz());
  }
  // 0.9 - 0.4 * (1 - progress)^3 at steps 2, 4 and 6.
  EXPECT_EQ(counts, (std::vector<int64_t>{100, 100, 50, 50, 15, 15, 10}));
}

TEST(GMP, ATargetThatLeavesNothingWarnsByName) {
  const Parameter p = dense_parameter("tiny", {2, 2}, 3);
  GMP algorithm({.sparsity = at_steps({0.0, 0.9})});
  algorithm.apply({p});
  LogCapture log;
  step(algorithm, p);
  EXPECT_EQ(p.nnz(), 0);
  ASSERT_EQ(log.messages.size(), 1U);
  EXPECT_TRUE(contains(log.messages[0], "'tiny' without a connection"));
}

TEST(GMP, RefusesAConstantSparsityAndNamesStatic) {
  EXPECT_TRUE(contains(message_of<ConfigError>([] { GMP a({.sparsity = 0.5}); }), "use Static"));
  EXPECT_TRUE(contains(message_of<ConfigError>([] { GMP a({.update = {.freq = 2}}); }), "use Static"));
  EXPECT_THROW(GMP({.sparsity = Sparsity(Schedule(Cycling{{0.1, 0.2}}), {{"w", 0.5}})}), ConfigError);
  EXPECT_NO_THROW(GMP({.sparsity = {0.3, 0.5}}));
}

}  // namespace
}  // namespace gossamer::sparse::test_gmp
