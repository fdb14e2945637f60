// GraNet: counts of pruning and regrowth, and what stays, goes and comes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/sparse/granet.h"
#include "sparse/selection/select.h"
#include "tests/sparse/support.h"
#include "tests/support/golden.h"

namespace gossamer::sparse::test_granet {
namespace {

using golden::expect_equal;
using test::dense_parameter;
using test::densify;
using test::mask_string;
using test::positions_of;
using test::select;
using test::set_dense_gradient;
using test::uniform;

// The k best of some positions by |score|, ties to the lower; ascending.
Positions best(const Positions& among, const Tensor& score, int64_t k) {
  std::vector<std::pair<double, int64_t>> ranked;
  const Tensor s = score.to(DType::f64);
  for (const int64_t at : among) ranked.emplace_back(-std::abs(s.data<double>()[at]), at);
  std::ranges::sort(ranked);
  Positions chosen;
  for (int64_t i = 0; i < std::min<int64_t>(k, static_cast<int64_t>(ranked.size())); ++i) {
    chosen.push_back(ranked[static_cast<size_t>(i)].second);
  }
  std::ranges::sort(chosen);
  return chosen;
}

TEST(GraNet, ATruthTable) {
  // 4 of 8 alive. The target is 3; of the 3 largest (3, 4, 5) int(0.5 * 3) = 1 stays, and the 2 largest gradients of
  // the absent come, the ones just dropped included.
  const Parameter p(Tensor::from<float>({1, 3, 4, 5, 9, 9, 9, 9}, {2, 4}), "w");
  GraNet algorithm({.sparsity = Lambda{[](int64_t step) { return step == 0 ? 0.5 : 0.6; }},
                    .drop_fraction = 0.5,
                    .init_method = [](const InitContext&) {
                      return CsrPattern::from_positions(2, 4, Positions{0, 1, 2, 3});
                    }});
  algorithm.apply({p});
  set_dense_gradient(p, Tensor::from<float>({0, 7, 0, 9, 1, -8, 0, 2}, {2, 4}));
  algorithm.update();
  EXPECT_EQ(mask_string(p), "01010100");
  expect_equal(p.dense(), Tensor::from<float>({0, 3, 0, 5, 0, 0, 0, 0}, {2, 4}));
}

TEST(GraNet, PrunesToTheTargetAndReplacesAShareOfTheRest) {
  uint64_t key = 0;
  for (const double first : {0.0, 0.5}) {
    for (const float drop : {0.0F, 0.3F, 1.0F}) {
      const Parameter p = dense_parameter("w", {20, 30}, ++key);
      optim::SGD optimizer({p}, {.lr = 0.01, .momentum = 0.9});
      GraNet algorithm({.sparsity = Linear{.init = first, .slope = 0.05}, .drop_fraction = drop});
      algorithm.apply({p});
      optimizer.apply(algorithm);
      for (int step = 1; step <= 8; ++step) {
        SCOPED_TRACE(testing::Message() << first << ", drop " << drop << ", step " << step);
        const Tensor gradient = uniform(p.shape(), ++key);
        set_dense_gradient(p, gradient);
        algorithm.set_autoupdate(false);
        optimizer.step();
        const Positions alive = positions_of(*p.pattern());
        const Tensor values = p.dense();
        const Tensor momentum = densify(p, optimizer.state(p)["momentum_buffer"]);

        const int64_t target = num_kept(static_cast<float>(first) + static_cast<float>(step) * 0.05F, 600);
        const int64_t left = std::min(target, p.nnz());
        Positions expected = best(alive, values, static_cast<int64_t>((1 - drop) * static_cast<float>(left)));
        const Positions kept = expected;
        Positions absent;
        for_each_absent(kept, 30, 0, 20, [&](int64_t, int64_t, int64_t at) { absent.push_back(at); });
        const Positions grown = best(absent, gradient, target - static_cast<int64_t>(kept.size()));
        expected.insert(expected.end(), grown.begin(), grown.end());
        std::ranges::sort(expected);

        algorithm.update(&optimizer);
        ASSERT_EQ(positions_of(*p.pattern()), expected);
        EXPECT_EQ(p.nnz(), target);
        // Survivors untouched, those that are new at 0; one dropped and grown again is a survivor.
        Tensor survivors = Tensor::zeros(p.shape(), DType::boolean);
        for (const int64_t at : alive) survivors.mutable_data<bool>()[at] = p.mask().data<bool>()[at];
        expect_equal(p.dense(), select(values, survivors));
        expect_equal(densify(p, optimizer.state(p)["momentum_buffer"]), select(momentum, survivors));
      }
    }
  }
}

TEST(GraNet, StartsDenseWhereStepZeroIsNoUpdateStep) {
  const Parameter p = dense_parameter("w", {6, 8}, 50);
  GraNet algorithm({.sparsity = 0.5, .update = {.freq = 2, .start = 2}});
  algorithm.apply({p});
  for (int step = 1; step <= 2; ++step) {
    EXPECT_EQ(p.nnz(), 48);
    set_dense_gradient(p, uniform(p.shape(), 51));
    algorithm.update();
  }
  EXPECT_EQ(p.nnz(), 24);
}

TEST(GraNet, ANonFiniteGradientLeavesThePatternAlone) {
  const Parameter p = dense_parameter("w", {6, 8}, 52);
  GraNet algorithm({.sparsity = Linear{.init = 0.5, .slope = 0.1}});
  algorithm.apply({p});
  const std::string before = mask_string(p);
  Tensor gradient = uniform(p.shape(), 53);
  gradient.mutable_data<float>()[before.find('0')] = std::nanf("");
  set_dense_gradient(p, gradient);
  algorithm.update();
  EXPECT_EQ(mask_string(p), before);
}

TEST(GraNet, AConstantSparsityOutOfRangeIsAConfigError) { EXPECT_THROW(GraNet({.sparsity = 1.0}), ConfigError); }

}  // namespace
}  // namespace gossamer::sparse::test_granet
