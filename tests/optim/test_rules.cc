// The rules that update element by element: what their trajectories (test_trajectories.cc) do not show.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/optim/adadelta.h"
#include "gossamer/optim/adagrad.h"
#include "gossamer/optim/adamax.h"
#include "gossamer/optim/asgd.h"
#include "gossamer/optim/lion.h"
#include "gossamer/optim/nadam.h"
#include "gossamer/optim/radam.h"
#include "gossamer/optim/rprop.h"
#include "gossamer/random.h"
#include "gossamer/runtime.h"
#include "tests/optim/support.h"

namespace gossamer::optim::test_rules {
namespace {

template <class Rule>
class Rules : public testing::Test {
 public:
  static_assert(noexcept(Rule::update({}, std::declval<ParameterUpdate&>())));
};
using All = testing::Types<AdagradRule, AdadeltaRule, AdamaxRule, NAdamRule, RAdamRule, AsgdRule, RpropRule, LionRule>;
TYPED_TEST_SUITE(Rules, All);

// Six steps with gradients that change their signs.
void descend(Optimizer& optimizer, const Parameter& p, float sign = 1) {
  for (int i = 0; i < 6; ++i) {
    const float g = sign * (i == 3 ? -0.2F : 0.1F * static_cast<float>(i + 1));
    set_grad(p, {g, -2 * g, g * std::abs(g)});
    optimizer.step();
  }
}

TYPED_TEST(Rules, AscendWithMaximizeAsTheyDescendAlongTheNegatedGradient) {
  const Parameter down = parameter({1, 2, 3});
  const Parameter up = parameter({1, 2, 3});
  RuleOptimizer<TypeParam> of_down({down}, {.lr = 0.1});
  RuleOptimizer<TypeParam> of_up({up}, {.lr = 0.1, .maximize = true});
  descend(of_down, down);
  descend(of_up, up, -1);
  EXPECT_EQ(values(up), values(down));
  EXPECT_LT(values(down)[0], 1);
}

TYPED_TEST(Rules, TreatTheNonzerosOfACsrParameterAsElements) {
  const Parameter dense = parameter({1, 2, 3});
  const Parameter csr = csr_parameter(2, 3, {1, 2, 3}, {1, 2, 3});
  RuleOptimizer<TypeParam> of_dense({dense}, {.lr = 0.1});
  RuleOptimizer<TypeParam> of_csr({csr}, {.lr = 0.1});
  descend(of_dense, dense);
  descend(of_csr, csr);
  EXPECT_EQ(values(csr), values(dense));
}

TYPED_TEST(Rules, GoOnWithTheSameBitsFromTheirStateDict) {
  const Parameter p = parameter({1, 2, 3}, "p");
  RuleOptimizer<TypeParam> optimizer({p}, {.lr = 0.1});
  descend(optimizer, p);
  const Parameter copy(p.values().clone(), "p");
  RuleOptimizer<TypeParam> resumed({copy}, {.lr = 0.1});
  resumed.load_state_dict(optimizer.state_dict());
  descend(optimizer, p);
  descend(resumed, copy);
  EXPECT_EQ(values(copy), values(p));
}

TYPED_TEST(Rules, PassOnANaNAndTouchNoOtherElement) {
  const Parameter p = parameter({1, 2, 3});
  const Parameter clean = parameter({1, 2, 3});
  RuleOptimizer<TypeParam> optimizer({p, clean}, {.lr = 0.1});
  set_grad(p, {0.5F, std::numeric_limits<float>::quiet_NaN(), -0.5F});
  set_grad(clean, {0.5F, 0, -0.5F});
  optimizer.step();
  EXPECT_TRUE(std::isnan(values(p)[1]));
  EXPECT_EQ(values(p)[0], values(clean)[0]);
  EXPECT_EQ(values(p)[2], values(clean)[2]);
}

TYPED_TEST(Rules, GiveTheSameBitsOnAnyNumberOfThreads) {
  const auto run = [] {
    const Parameter p(Tensor::ones({100000}));
    RuleOptimizer<TypeParam> optimizer({p});
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

// Each with the name of the rule in front.
template <class Rule>
void expect_refused(const std::vector<typename Rule::Options>& bad) {
  for (const auto& options : bad) {
    const std::string message = message_of<ConfigError>([&] { RuleOptimizer<Rule>({parameter({1})}, options); });
    EXPECT_TRUE(message.starts_with(std::string(Rule::kName) + ": ")) << message;
  }
}

TYPED_TEST(Rules, RefuseARateThatIsNegativeOrNotFinite) {
  expect_refused<TypeParam>({{.lr = -1}, {.lr = std::numeric_limits<double>::quiet_NaN()}});
}

template <class Rule>
void expect_moments_refused() {
  expect_refused<Rule>({{.beta1 = 1}, {.beta2 = -0.1}, {.eps = -1}, {.weight_decay = -1}});
}

TEST(Rules, RefuseOptionsOutOfTheirRange) {
  const double infinity = std::numeric_limits<double>::infinity();
  expect_refused<AdagradRule>(
      {{.lr_decay = -1}, {.weight_decay = -1}, {.initial_accumulator_value = infinity}, {.eps = -1}});
  expect_refused<AdadeltaRule>({{.rho = 1}, {.eps = -1}, {.weight_decay = -1}});
  expect_moments_refused<AdamaxRule>();
  expect_moments_refused<NAdamRule>();
  expect_refused<NAdamRule>({{.momentum_decay = -1}});
  expect_moments_refused<RAdamRule>();
  expect_refused<AsgdRule>({{.lambd = -1}, {.alpha = -1}, {.t0 = infinity}, {.weight_decay = -1}});
  expect_refused<RpropRule>({{.eta_minus = 0},
                             {.eta_minus = 1},
                             {.eta_plus = 1},
                             {.eta_plus = infinity},
                             {.step_min = 0},
                             {.step_min = 51},
                             {.step_max = infinity}});
  expect_refused<LionRule>({{.beta1 = 1}, {.beta2 = 1}, {.weight_decay = -1}});
}

TEST(Adagrad, StartsTheSumOfAConnectionThatGrewAtTheInitialValue) {
  const Parameter p = csr_parameter(1, 3, {0, 1}, {1, 1});
  Adagrad optimizer({p}, {.initial_accumulator_value = 0.5});
  set_grad(p, {1, 1});
  optimizer.step();
  change_pattern(p, {0, 2});
  set_grad(p, {1, 2});
  optimizer.step();
  EXPECT_EQ(elements(p, optimizer.state(p)["sum"]), (std::vector<float>{2.5F, 4.5F}));
}

TEST(Rprop, StartsTheStepSizeOfAConnectionThatGrewAtTheRate) {
  const Parameter p = csr_parameter(1, 3, {0, 1}, {1, 1});
  Rprop optimizer({p}, {.lr = 0.5, .eta_plus = 2});
  set_grad(p, {1, 1});
  optimizer.step();
  change_pattern(p, {0, 2});
  set_grad(p, {1, 1});
  optimizer.step();
  EXPECT_EQ(elements(p, optimizer.state(p)["step_size"]), (std::vector<float>{1, 0.5F}));
}

TEST(ASGD, AveragesTheWeightsAfterT0) {
  const Parameter p = parameter({1});
  ASGD optimizer({p}, {.lr = 0.1, .t0 = 1});
  float sum = 0;
  for (int t = 1; t <= 8; ++t) {
    set_grad(p, {values(p)[0]});
    optimizer.step();
    const float ax = elements(p, optimizer.state(p)["ax"])[0];
    if (t >= 3) sum += values(p)[0];  // the first that counts is that of t0 + 2
    EXPECT_NEAR(ax, t >= 3 ? sum / static_cast<float>(t - 2) : values(p)[0], 1e-6) << "update " << t;
  }
}

TEST(RAdam, MovesAsMomentumDoesUntilTheVarianceIsBounded) {
  const auto first_steps = [](float scale) {
    const Parameter p = parameter({1});
    RAdam optimizer({p}, {.lr = 0.01});
    std::vector<float> moves;
    for (int t = 0; t < 6; ++t) {
      const float before = values(p)[0];
      set_grad(p, {scale});
      optimizer.step();
      moves.push_back(before - values(p)[0]);
    }
    return moves;
  };
  const auto one = first_steps(1);
  const auto two = first_steps(2);
  for (size_t t = 0; t < 5; ++t) EXPECT_NEAR(two[t], 2 * one[t], 1e-6) << t;
  EXPECT_NEAR(two[5], one[5], 1e-6);
}

// beta1 1/2, beta2 3/4, lr 1/10, weight_decay 1/2: w is scaled by 0.95 and moved by 0.1.
//   grad   (m + grad) / 2   sign   w                          m = 0.75 m + 0.25 grad
//    1       0.5             1     0.95 * 1        - 0.1        0.25
//   -0.2     0.025           1     0.95 * 0.85     - 0.1        0.1375
//   -1      -0.43125        -1     0.95 * 0.7075   + 0.1       -0.146875
//    0      -0.0734375      -1     0.95 * 0.772125 + 0.1       -0.11015625
TEST(Lion, FollowsATableComputedByHand) {
  const Parameter p = parameter({1});
  Lion optimizer({p}, {.lr = 0.1, .beta1 = 0.5, .beta2 = 0.75, .weight_decay = 0.5});
  const std::vector<float> grads = {1, -0.2F, -1, 0};
  const std::vector<float> w = {0.85F, 0.7075F, 0.772125F, 0.83351875F};
  const std::vector<float> m = {0.25F, 0.1375F, -0.146875F, -0.11015625F};
  for (size_t t = 0; t < grads.size(); ++t) {
    set_grad(p, {grads[t]});
    optimizer.step();
    EXPECT_NEAR(values(p)[0], w[t], 1e-6) << "update " << t + 1;
    EXPECT_NEAR(elements(p, optimizer.state(p)["exp_avg"])[0], m[t], 1e-7) << "update " << t + 1;
  }
}

TEST(Lion, MovesEveryWeightByTheRateWhateverTheScaleOfTheGradient) {
  const Parameter p = parameter({0, 0, 0});
  Lion optimizer({p}, {.lr = 0.25});
  for (int i = 0; i < 3; ++i) {
    set_grad(p, {1e-6F, -1e6F, 0});
    optimizer.step();
  }
  EXPECT_EQ(values(p), (std::vector<float>{-0.75F, 0.75F, 0}));
}

TEST(Lion, DecaysWeightsWithoutAGradientOfTheirOwn) {
  const Parameter p = parameter({2});
  Lion optimizer({p}, {.lr = 0.5, .weight_decay = 0.5});
  set_grad(p, {0});
  optimizer.step();
  EXPECT_EQ(values(p), std::vector<float>{1.5F});
}

}  // namespace
}  // namespace gossamer::optim::test_rules
