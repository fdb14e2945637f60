// RMSprop: what its trajectories (test_trajectories.cc) do not show.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/optim/rmsprop.h"
#include "gossamer/random.h"
#include "gossamer/runtime.h"
#include "tests/optim/support.h"

namespace gossamer::optim::test_rmsprop {
namespace {

TEST(RMSprop, RefusesOptionsOutOfRange) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const RmspropOptions& options :
       {RmspropOptions{.lr = -1}, RmspropOptions{.alpha = 1}, RmspropOptions{.alpha = -0.1}, RmspropOptions{.eps = -1},
        RmspropOptions{.weight_decay = nan}, RmspropOptions{.momentum = -0.9}}) {
    EXPECT_NE(message_of<ConfigError>([&] { RMSprop({parameter({1})}, options); }).find("RMSprop: "),
              std::string::npos);
  }
}

TEST(RMSprop, KeepsTheStatesThatItsOptionsNeed) {
  const auto names = [](const RmspropOptions& options) {
    const Parameter p = parameter({1});
    return RMSprop({p}, options).state(p).names();
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(names({}), Names{"square_avg"});
  EXPECT_EQ(names({.momentum = 0.9}), (Names{"square_avg", "momentum_buffer"}));
  EXPECT_EQ(names({.centered = true}), (Names{"square_avg", "grad_avg"}));
}

TEST(RMSprop, StaysFiniteWhereTheCenteredVarianceRoundsBelowZero) {
  const Parameter p = parameter({1});
  RMSprop optimizer({p}, {.lr = 1e-6, .alpha = 0.5, .centered = true});
  for (int i = 0; i < 200; ++i) {
    set_grad(p, {0.1F});
    optimizer.step();
    ASSERT_TRUE(std::isfinite(values(p)[0])) << "step " << i;
  }
}

TEST(RMSprop, AscendsWithMaximize) {
  const Parameter down = parameter({1});
  const Parameter up = parameter({1});
  RMSprop of_down({down}, {.lr = 0.1, .momentum = 0.9, .centered = true});
  RMSprop of_up({up}, {.lr = 0.1, .momentum = 0.9, .centered = true, .maximize = true});
  for (int i = 0; i < 3; ++i) {
    set_grad(down, {0.5F});
    set_grad(up, {-0.5F});
    of_down.step();
    of_up.step();
  }
  EXPECT_EQ(values(up), values(down));
  EXPECT_LT(values(down)[0], 1);
}

TEST(RMSprop, GivesTheSameBitsOnAnyNumberOfThreads) {
  const auto run = [] {
    const Parameter p(Tensor::ones({100000}));
    RMSprop optimizer({p}, {.momentum = 0.5, .centered = true});
    Tensor grad = Tensor::empty({100000});
    fill_uniform(grad, 1, -1, 1);
    for (int i = 0; i < 2; ++i) {
      p.values().set_grad(grad.clone());
      optimizer.step();
    }
    return values(p);
  };
  const auto alone = run();
  with_threads(3, [&] { EXPECT_TRUE(run() == alone); });
}

}  // namespace
}  // namespace gossamer::optim::test_rmsprop
