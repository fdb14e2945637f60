// What every algorithm with changing patterns keeps to: counts, survivors, new connections, determinism, update steps.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/optim/adam.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/parameter.h"
#include "gossamer/random.h"
#include "gossamer/sparse/gmp.h"
#include "gossamer/sparse/rigl.h"
#include "gossamer/sparse/set.h"
#include "gossamer/sparse/static.h"
#include "sparse/selection/select.h"
#include "tests/sparse/support.h"
#include "tests/support/golden.h"

namespace gossamer::sparse::test_dynamic {
namespace {

using golden::expect_equal;
using test::contains;
using test::dense_parameter;
using test::densify;
using test::LogCapture;
using test::mask_string;
using test::positions_of;
using test::set_dense_gradient;
using test::uniform;

struct Settings {
  Sparsity sparsity = 0.0;
  Schedule drop_fraction = 0.3;
  UpdateSchedule update = {};
  uint64_t seed = 0;
};

using Make = std::function<std::unique_ptr<SparsityAlgorithm>(const Settings&)>;

struct Kind {
  std::string name;
  Make make;
};

class DropAndGrow : public testing::TestWithParam<Kind> {
 protected:
  std::unique_ptr<SparsityAlgorithm> make(const Settings& settings) const { return GetParam().make(settings); }
};

INSTANTIATE_TEST_SUITE_P(
    , DropAndGrow,
    testing::Values(
        Kind{"SET",
             [](const Settings& s) -> std::unique_ptr<SparsityAlgorithm> {
               return std::make_unique<SET>(SETOptions{
                   .sparsity = s.sparsity, .drop_fraction = s.drop_fraction, .update = s.update, .seed = s.seed});
             }},
        Kind{"RigL",
             [](const Settings& s) -> std::unique_ptr<SparsityAlgorithm> {
               return std::make_unique<RigL>(RigLOptions{
                   .sparsity = s.sparsity, .drop_fraction = s.drop_fraction, .update = s.update, .seed = s.seed});
             }}),
    [](const auto& test) { return test.param.name; });

Positions positions(const Parameter& p) { return positions_of(*p.topology()); }

Positions intersection(const Positions& a, const Positions& b) {
  Positions both;
  std::ranges::set_intersection(a, b, std::back_inserter(both));
  return both;
}

int64_t size_of(const Positions& p) { return static_cast<int64_t>(p.size()); }

TEST_P(DropAndGrow, KeepsCountsSurvivorsAndTheirStatesAndStartsNewConnectionsAtZero) {
  uint64_t key = 100;
  for (const Shape& shape : {Shape{30, 40}, Shape{100}, Shape{6, 4, 3, 5}}) {
    for (const double sparsity : {0.0, 0.5, 0.9, 0.98}) {
      SCOPED_TRACE(testing::Message() << shape.to_string() << " at " << sparsity);
      const Parameter p = dense_parameter("w", shape, ++key);
      const auto algorithm = make({.sparsity = sparsity, .drop_fraction = 0.3});
      algorithm->set_autoupdate(false);
      optim::Adam optimizer({p}, {.lr = 0.05});
      algorithm->apply(std::vector<Parameter>{p});
      algorithm->apply(optimizer);
      const int64_t n = shape.numel();
      const int64_t target = num_kept(static_cast<float>(sparsity), n);
      EXPECT_EQ(p.nnz(), target);
      for (int step = 1; step <= 5; ++step) {
        set_dense_gradient(p, uniform(shape, ++key));
        optimizer.step();
        const Positions before = positions(p);
        const auto state = [&](const char* name) { return densify(p, optimizer.state(p)[name].tensor()); };
        const std::vector<Tensor> old{p.dense(), state("exp_avg"), state("exp_avg_sq")};
        // The specification of the drop.
        const Positions kept = largest_magnitudes(*p.topology(), p.values(), {1, n}, num_after_drop(0.3F, p.nnz(), 1));
        algorithm->update();

        const Positions after = positions(p);
        EXPECT_EQ(size_of(after), target);
        EXPECT_EQ(intersection(after, kept), kept);
        const std::vector<Tensor> now{p.dense(), state("exp_avg"), state("exp_avg_sq")};
        for (size_t i = 0; i < now.size(); ++i) expect_equal(now[i], test::select(old[i], p.mask()));
        for (const char* name : {"exp_avg", "exp_avg_sq"}) {
          EXPECT_EQ(optimizer.state(p)[name].tensor().numel(), p.nnz());
        }
      }
    }
  }
}

TEST_P(DropAndGrow, MovesConnections) {
  const Parameter p = dense_parameter("w", {30, 40}, 1);
  const auto algorithm = make({.sparsity = 0.9, .drop_fraction = 0.5});
  algorithm->apply({p});
  const Positions before = positions(p);
  set_dense_gradient(p, uniform(p.shape(), 2));
  algorithm->update();
  EXPECT_LT(size_of(intersection(before, positions(p))), 90);
  EXPECT_GE(size_of(intersection(before, positions(p))), 60);
}

TEST_P(DropAndGrow, IsAFunctionOfSeedNameAndStep) {
  const auto masks = [&](uint64_t seed, const std::string& name) {
    const Parameter p = dense_parameter(name, {20, 30}, 3);
    const auto algorithm = make({.sparsity = 0.8, .seed = seed});
    algorithm->apply({p});
    std::vector<std::string> sequence{mask_string(p)};
    for (uint64_t step = 0; step < 3; ++step) {
      set_dense_gradient(p, uniform(p.shape(), 10 + step));
      algorithm->update();
      sequence.push_back(mask_string(p));
    }
    return sequence;
  };
  EXPECT_EQ(masks(1, "fc1.weight"), masks(1, "fc1.weight"));
  EXPECT_NE(masks(1, "fc1.weight")[0], masks(2, "fc1.weight")[0]);
  EXPECT_NE(masks(1, "fc1.weight")[0], masks(1, "fc2.weight")[0]);
}

TEST_P(DropAndGrow, ChangesThePatternOnUpdateStepsOnly) {
  const Parameter p = dense_parameter("w", {20, 30}, 4);
  const auto algorithm = make({.sparsity = 0.5, .update = {.freq = 3, .stop = 9}});
  algorithm->apply({p});
  std::string changed;
  for (uint64_t step = 1; step <= 12; ++step) {
    const std::string before = mask_string(p);
    set_dense_gradient(p, uniform(p.shape(), 20 + step));
    algorithm->update();
    changed += mask_string(p) == before ? '0' : '1';
  }
  EXPECT_EQ(changed, "001001000000");
}

TEST_P(DropAndGrow, StartsDenseWhenStepZeroIsNoUpdateStepAndIsPrunedAtTheFirstOne) {
  const Parameter p = dense_parameter("w", {20, 30}, 5);
  const Tensor values = p.dense();
  const auto algorithm = make({.sparsity = 0.8, .drop_fraction = 0.3, .update = {.freq = 2, .start = 2}});
  algorithm->apply({p});
  ASSERT_TRUE(p.is_csr());
  EXPECT_TRUE(p.pattern()->is_full());
  expect_equal(p.dense(), values);

  std::vector<int64_t> counts;
  for (uint64_t step = 1; step <= 12; ++step) {
    set_dense_gradient(p, uniform(p.shape(), 30 + step));
    algorithm->update();
    counts.push_back(p.nnz());
  }
  // A drop leaves int(0.7 * nnz); growth starts only below the target.
  const int64_t target = num_kept(0.8F, 600);
  EXPECT_EQ(counts, (std::vector<int64_t>{600, 420, 420, 294, 294, 205, 205, 143, 143, target, target, target}));
}

TEST_P(DropAndGrow, FollowsASparsityThatChangesWithTheStep) {
  const Parameter p = dense_parameter("w", {10, 100}, 6);
  const auto algorithm =
      make({.sparsity = Linear{.init = 0.5, .slope = 0.25}, .drop_fraction = 0.5, .update = {.freq = 1, .stop = 3}});
  algorithm->apply({p});
  EXPECT_EQ(p.nnz(), 500);
  std::vector<int64_t> counts;
  for (uint64_t step = 1; step <= 3; ++step) {
    set_dense_gradient(p, uniform(p.shape(), 50 + step));
    algorithm->update();
    counts.push_back(p.nnz());
    EXPECT_EQ(algorithm->target_sparsity(algorithm->sparse_params()[0]),
              std::min(1.0F, 0.5F + 0.25F * static_cast<float>(step)));
  }
  // Step 2 aims at nothing at all; the drop halves.
  EXPECT_EQ(counts, (std::vector<int64_t>{250, 125, 125}));
}

TEST_P(DropAndGrow, ACyclingSparsityUsesItsFirstValueForTheFirstPattern) {
  const Parameter p = dense_parameter("w", {10, 10}, 7);
  const auto algorithm = make({.sparsity = {0.5, 0.25, 0.0}, .update = {.freq = 2}});
  algorithm->apply({p});
  std::vector<int64_t> counts{p.nnz()};
  for (uint64_t step = 1; step <= 4; ++step) {
    set_dense_gradient(p, uniform(p.shape(), 60 + step));
    algorithm->update();
    counts.push_back(p.nnz());
  }
  EXPECT_EQ(counts, (std::vector<int64_t>{50, 50, 75, 75, 100}));
}

TEST_P(DropAndGrow, ACyclingSparsityIsUnusedByADenseStart) {
  const Parameter p = dense_parameter("w", {10, 10}, 8);
  const auto algorithm = make({.sparsity = {0.5, 0.25}, .drop_fraction = 0.9, .update = {.freq = 1, .start = 1}});
  algorithm->apply({p});
  std::vector<int64_t> counts{p.nnz()};
  for (uint64_t step = 1; step <= 2; ++step) {
    set_dense_gradient(p, uniform(p.shape(), 70 + step));
    algorithm->update();
    counts.push_back(p.nnz());
  }
  EXPECT_EQ(counts, (std::vector<int64_t>{100, 50, 75}));
}

TEST_P(DropAndGrow, AMissingOrNonFiniteGradientKeepsThatPatternWhileTheStepAdvances) {
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    const Parameter sound = dense_parameter("sound", {10, 20}, 9);
    const Parameter broken = dense_parameter("broken", {10, 20}, 10);
    const Parameter missing = dense_parameter("missing", {10, 20}, 11);
    const auto algorithm = make({.sparsity = 0.5, .update = {.steps = std::vector<int64_t>{0, 1, 2}}});
    algorithm->apply({sound, broken, missing});
    const std::string before[] = {mask_string(sound), mask_string(broken), mask_string(missing)};
    set_dense_gradient(sound, uniform(sound.shape(), 80));
    set_dense_gradient(broken, uniform(broken.shape(), 81));
    broken.values().set_grad(Tensor::full({broken.nnz()}, bad));
    algorithm->update();
    EXPECT_NE(mask_string(sound), before[0]);
    EXPECT_EQ(mask_string(broken), before[1]);
    EXPECT_EQ(mask_string(missing), before[2]);

    sound.zero_grad();
    for (const int step : {2, 3}) {
      const std::string previous = mask_string(broken);
      set_dense_gradient(broken, uniform(broken.shape(), 82));
      algorithm->update();
      EXPECT_EQ(mask_string(broken) != previous, step == 2);
    }
  }
}

TEST_P(DropAndGrow, ACyclingSparsityRepeatsItsValueAfterANonFiniteGradient) {
  const auto nnz_after_updates = [&](const std::vector<double>& gradients) {
    const Parameter p = dense_parameter("w", {10, 10}, 12);
    const auto algorithm = make({.sparsity = {0.5, 0.6, 0.7, 0.8}, .drop_fraction = 0.5});
    algorithm->apply({p});
    for (const double gradient : gradients) {
      set_dense_gradient(p, Tensor::full(p.shape(), gradient));
      algorithm->update();
    }
    return p.nnz();
  };
  const double nan = std::nan("");
  EXPECT_EQ(nnz_after_updates({1}), num_kept(0.6F, 100));
  EXPECT_EQ(nnz_after_updates({nan, 1}), num_kept(0.6F, 100));
  EXPECT_EQ(nnz_after_updates({nan, nan, 1, 1}), num_kept(0.7F, 100));
  EXPECT_EQ(nnz_after_updates({1, nan, 1, nan, 1}), num_kept(0.8F, 100));
}

TEST_P(DropAndGrow, DroppingEverythingOrNothingWorks) {
  for (const double drop : {0.0, 1.0}) {
    const Parameter p = dense_parameter("w", {10, 20}, 12);
    const auto algorithm = make({.sparsity = 0.5, .drop_fraction = drop});
    algorithm->apply({p});
    const Positions before = positions(p);
    set_dense_gradient(p, uniform(p.shape(), 90));
    algorithm->update();
    EXPECT_EQ(p.nnz(), 100);
    EXPECT_EQ(positions(p) == before, drop == 0.0);
  }
}

TEST_P(DropAndGrow, TakesParametersWithoutElements) {
  const Parameter p = dense_parameter("empty", {0, 5}, 13);
  const auto algorithm = make({.sparsity = 0.5});
  LogCapture log;
  algorithm->apply({p});
  set_dense_gradient(p, Tensor::zeros({0, 5}));
  algorithm->update();
  EXPECT_EQ(p.nnz(), 0);
  EXPECT_TRUE(log.messages.empty());
}

TEST(Static, KeepsItsPatternForever) {
  const Parameter p = dense_parameter("w", {20, 20}, 14);
  Static algorithm({.sparsity = 0.9, .seed = 4});
  algorithm.apply({p});
  EXPECT_EQ(p.nnz(), num_kept(0.9F, 400));
  optim::SGD optimizer({p}, {.lr = 0.1});
  optimizer.apply(algorithm);
  const auto pattern = p.pattern();
  for (uint64_t step = 0; step < 5; ++step) {
    set_dense_gradient(p, uniform(p.shape(), 100 + step));
    optimizer.step();
  }
  EXPECT_EQ(p.pattern(), pattern);
  EXPECT_EQ(algorithm.target_sparsity(algorithm.sparse_params()[0]), 0.9F);
}

TEST(Static, PatternsAreThoseOfSeedAndName) {
  const auto mask = [](uint64_t seed, const std::string& name) {
    const Parameter p = dense_parameter(name, {20, 20}, 15);
    Static({.sparsity = 0.5, .seed = seed}).apply({p});
    return mask_string(p);
  };
  EXPECT_EQ(mask(1, "a"), mask(1, "a"));
  EXPECT_NE(mask(1, "a"), mask(2, "a"));
  EXPECT_NE(mask(1, "a"), mask(1, "b"));
}

TEST(Static, SparsityZeroIsAFullPattern) {
  const Parameter p = dense_parameter("w", {5, 5}, 16);
  Static(0.0).apply({p});
  ASSERT_TRUE(p.is_csr());
  EXPECT_TRUE(p.pattern()->is_full());
}

TEST(SET, GrowsWhereTheGivenScoresAreLargest) {
  const Parameter p(Tensor::from<float>({4, 1, 0.5, 3, 9, 9, 9, 9}, {2, 4}), "w");
  SET algorithm({.sparsity = 0.5,
                 .drop_fraction = 0.5,
                 .init_method =
                     [](const InitContext&) {
                       return CsrPattern::from_positions(2, 4, Positions{0, 1, 2, 3});
                     },
                 .growth_scores =
                     [](const SparseParameter&, int64_t) {
                       return Tensor::from<float>({9, 0.7F, 0.8F, 9, 0.1F, 0.2F, 0.9F, 0.3F}, {2, 4});
                     }});
  algorithm.apply({p});
  set_dense_gradient(p, Tensor::zeros({2, 4}));
  algorithm.update();
  // 0 and 3 stay; 6 is grown, and 2, just dropped, comes back with its value.
  EXPECT_EQ(mask_string(p), "10110010");
  expect_equal(p.dense(), Tensor::from<float>({4, 0, 0.5, 3, 0, 0, 0, 0}, {2, 4}));
}

TEST(SET, ScoresOfTheWrongShapeOrTypeAreRefused) {
  for (const Tensor& scores : {Tensor::zeros({4, 2}), Tensor::zeros({2, 4}, DType::i64)}) {
    const Parameter p = dense_parameter("fc.weight", {2, 4}, 17);
    SET algorithm({.sparsity = 0.5, .growth_scores = [&](const SparseParameter&, int64_t) { return scores; }});
    algorithm.apply({p});
    const std::string before = mask_string(p);
    set_dense_gradient(p, Tensor::zeros({2, 4}));
    EXPECT_THROW(algorithm.update(), Error);
    EXPECT_EQ(mask_string(p), before);
  }
}

TEST_P(DropAndGrow, TakesASparsityForEachParameter) {
  const std::vector<Parameter> parameters{dense_parameter("a", {10, 10}, 25), dense_parameter("b", {10, 10}, 26),
                                          dense_parameter("c", {10, 10}, 27)};
  const auto algorithm =
      make({.sparsity = {0.5, {{"b", 0.75}, {"c", Linear{.init = 0.75, .slope = -0.25}}}}, .drop_fraction = 0.1});
  algorithm->apply(parameters);
  EXPECT_EQ(parameters[0].nnz(), 50);
  EXPECT_EQ(parameters[1].nnz(), 25);
  EXPECT_EQ(parameters[2].nnz(), 25);
  for (const Parameter& p : parameters) set_dense_gradient(p, uniform(p.shape(), 150));
  algorithm->update();
  EXPECT_EQ(parameters[0].nnz(), 50);
  EXPECT_EQ(parameters[1].nnz(), 25);
  EXPECT_EQ(parameters[2].nnz(), 50);

  const auto strict = make({.sparsity = {{"a", 0.5}, {"b", 0.5}}});
  const Parameter stranger = dense_parameter("stranger", {4, 4}, 28);
  EXPECT_TRUE(contains(message_of<ConfigError>([&] { strict->apply({stranger}); }), "'stranger' has none, only a, b"));
  EXPECT_FALSE(stranger.is_csr());
}

TEST_P(DropAndGrow, GrowsFromNothing) {
  const Parameter p = dense_parameter("w", {10, 10}, 29);
  const auto algorithm = make({.sparsity = {0.999, 0.5}});
  LogCapture log;
  algorithm->apply({p});
  EXPECT_EQ(p.nnz(), 0);
  EXPECT_EQ(log.messages.size(), 1U);
  set_dense_gradient(p, uniform(p.shape(), 160));
  algorithm->update();
  EXPECT_EQ(p.nnz(), 50);
  expect_equal(p.dense(), Tensor::zeros({10, 10}));
}

TEST(Updates, TakeTimeInTheConnectionsAndNotInTheMatrix) {
  // 10^12 positions: whatever walks them does not come back.
  const int64_t n = 1000000;
  const double sparsity = 1 - 1e-6;
  const int64_t kept = num_kept(static_cast<float>(sparsity), n * n);
  const auto pattern = CsrPattern::from_positions(n, n, sample_without_replacement(1, n * n, kept));
  const auto make = [&](const char* name) { return Parameter::csr({n, n}, pattern, uniform({kept}, 2), name); };
  const Parameter moved = make("moved");
  const Parameter pruned = make("pruned");
  SET set({.sparsity = sparsity});
  GMP gmp({.sparsity = {sparsity, 1 - (1 - sparsity) / 2, 1 - (1 - sparsity) * 2}});
  set.apply({moved});
  gmp.apply({pruned});
  const auto update = [](SparsityAlgorithm& algorithm, const Parameter& p) {
    p.values().set_grad(Tensor::zeros({p.nnz()}));
    algorithm.update();
  };
  update(set, moved);
  EXPECT_EQ(moved.nnz(), kept);
  EXPECT_NE(moved.pattern(), pattern);
  update(gmp, pruned);
  EXPECT_LT(pruned.nnz(), kept);
  update(gmp, pruned);
  EXPECT_GT(pruned.nnz(), kept);
}

}  // namespace
}  // namespace gossamer::sparse::test_dynamic
