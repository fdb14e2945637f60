// What all rules share: groups, options, states, which parameters a step touches, life times, threads.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/optim/adam.h"
#include "gossamer/optim/optimizer.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/runtime.h"
#include "tests/optim/support.h"

namespace gossamer::optim::test_optimizer {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

static_assert(!std::is_copy_constructible_v<SGD> && std::is_nothrow_move_constructible_v<SGD>);

TEST(Optimizer, GroupsHaveTheirOwnOptions) {
  const Parameter a = parameter({1});
  const Parameter b = parameter({1});
  const std::vector<Parameter> params_a = {a};
  const std::vector<Parameter> params_b = {b};
  SGD optimizer({{params_a, {.lr = 0.5}}, {params_b, {.lr = 0.25, .maximize = true}}});
  set_grad(a, {1});
  set_grad(b, {1});
  optimizer.step();
  EXPECT_EQ(values(a), std::vector<float>{0.5});
  EXPECT_EQ(values(b), std::vector<float>{1.25});
  EXPECT_EQ(optimizer.num_param_groups(), 2u);
  EXPECT_EQ(optimizer.params(), (std::vector<Parameter>{a, b}));
  EXPECT_EQ(optimizer.param_groups()[1].params(), params_b);
}

TEST(Optimizer, OptionsMayChangeBetweenSteps) {
  const Parameter p = parameter({1});
  SGD optimizer({p}, {.lr = 0.5});
  set_grad(p, {1});
  optimizer.step();
  optimizer.param_groups()[0].options.lr = 0.125;
  optimizer.step();
  EXPECT_EQ(values(p), std::vector<float>{0.375});
  optimizer.set_lr(0, 0.25);
  optimizer.step();
  EXPECT_EQ(values(p), std::vector<float>{0.125});
  EXPECT_EQ(optimizer.lr(0), 0.25);
}

TEST(Optimizer, MomentumTurnedOnLaterStartsFromZero) {
  const Parameter p = parameter({1});
  SGD optimizer({p}, {.lr = 0.5});
  set_grad(p, {1});
  optimizer.step();
  optimizer.param_groups()[0].options.momentum = 0.5;
  EXPECT_EQ(optimizer.state(p).names(), std::vector<std::string>{"momentum_buffer"});
  optimizer.step();
  optimizer.step();
  EXPECT_EQ(elements(optimizer.state(p)["momentum_buffer"]), std::vector<float>{1.5});
  EXPECT_EQ(values(p), std::vector<float>{-0.75});
}

TEST(Optimizer, AStepWithOptionsOutOfRangeChangesNothing) {
  const Parameter a = parameter({1});
  const Parameter b = parameter({1});
  SGD optimizer({{std::vector{a}, {.lr = 0.5}}, {std::vector{b}, {.lr = 0.5}}});
  set_grad(a, {1});
  set_grad(b, {1});
  int calls = 0;
  optimizer.after_step([&](Optimizer&) { ++calls; });
  optimizer.param_groups()[1].options.lr = kNan;
  EXPECT_THROW(optimizer.step(), ConfigError);
  EXPECT_EQ(values(a), std::vector<float>{1});
  EXPECT_EQ(calls, 0);
}

TEST(Optimizer, SetLrRefusesWhatTheRuleRefusesAndGroupsThatDoNotExist) {
  SGD optimizer({parameter({1})}, {.lr = 0.5});
  EXPECT_THROW(optimizer.set_lr(0, -1), ConfigError);
  EXPECT_EQ(optimizer.lr(0), 0.5);
  EXPECT_NE(message_of<ConfigError>([&] { optimizer.set_lr(1, 1); }).find("the group must be from 0 to 0; group 1"),
            std::string::npos);
  EXPECT_THROW(optimizer.lr(1), ConfigError);
}

TEST(Optimizer, RefusesOptionsOutOfRangeAndNamesThem) {
  const std::vector<Parameter> p = {parameter({1})};
  const auto refusal = [&]<class Rule>(const typename Rule::Options& options) {
    return message_of<ConfigError>([&] { RuleOptimizer<Rule>(p, options); });
  };
  const auto refuses = [&](const std::string& message, const std::string& option) {
    EXPECT_NE(message.find(option), std::string::npos) << message;
  };
  refuses(refusal.operator()<SgdRule>({.lr = -0.1}), "SGD: lr");
  refuses(refusal.operator()<SgdRule>({.lr = INFINITY}), "SGD: lr");
  refuses(refusal.operator()<SgdRule>({.momentum = -1}), "SGD: momentum");
  refuses(refusal.operator()<SgdRule>({.dampening = NAN}), "SGD: dampening");
  refuses(refusal.operator()<SgdRule>({.weight_decay = -1}), "SGD: weight_decay");
  refuses(refusal.operator()<SgdRule>({.nesterov = true}), "SGD: nesterov");
  refuses(refusal.operator()<SgdRule>({.momentum = 0.9, .dampening = 0.1, .nesterov = true}), "SGD: nesterov");
  refuses(refusal.operator()<AdamRule>({.lr = NAN}), "Adam: lr");
  refuses(refusal.operator()<AdamRule>({.beta1 = 1}), "Adam: beta1");
  refuses(refusal.operator()<AdamRule>({.beta2 = -0.1}), "Adam: beta2");
  refuses(refusal.operator()<AdamRule>({.beta2 = NAN}), "Adam: beta2");
  refuses(refusal.operator()<AdamWRule>({.eps = -1e-8}), "AdamW: eps");
  refuses(refusal.operator()<AdamWRule>({.weight_decay = -1}), "AdamW: weight_decay");
}

TEST(Optimizer, RefusesListsWithoutParametersOrWithOneTwice) {
  const Parameter p = parameter({1}, "fc.bias");
  const auto message = [](auto&&... args) { return message_of<ConfigError>([&] { SGD optimizer(args...); }); };
  EXPECT_NE(message(std::vector<Parameter>{})
                .find("empty list; pass model.parameters(); a module knows those that "
                      "register_parameter and register_module named"),
            std::string::npos);
  EXPECT_NE(message(std::vector<SGD::Group>{}).find("empty list"), std::string::npos);
  EXPECT_NE(message(std::vector{p, Parameter()}).find("number 1"), std::string::npos);
  EXPECT_NE(message(std::vector{p, p}).find("'fc.bias' comes again"), std::string::npos);
  EXPECT_NE(message(std::vector<SGD::Group>{{{p}, {}}, {{p}, {}}}).find("'fc.bias' comes again"), std::string::npos);
}

TEST(Optimizer, ARefusedGroupIsNotAddedInPart) {
  const Parameter a = parameter({1});
  const Parameter b = parameter({1});
  SGD optimizer({a}, {.lr = 0.5});
  EXPECT_THROW(optimizer.add_param_group({{b, a}, {}}), ConfigError);
  EXPECT_THROW(optimizer.add_param_group({{b}, {.lr = -1}}), ConfigError);
  EXPECT_EQ(optimizer.params(), std::vector<Parameter>{a});
  EXPECT_EQ(optimizer.num_param_groups(), 1u);
  optimizer.add_param_group({{b}, {.lr = 0.25}});
  set_grad(b, {1});
  optimizer.step();
  EXPECT_EQ(values(b), std::vector<float>{0.75});
}

TEST(Optimizer, AParameterWithoutAGradientIsLeftAlone) {
  const Parameter a = parameter({1});
  const Parameter b = parameter({1});
  Adam optimizer({a, b}, {.lr = 0.5, .weight_decay = 0.5});
  AdamW decoupled({parameter({1})}, {.lr = 0.5, .weight_decay = 0.5});
  set_grad(a, {1});
  optimizer.step();
  decoupled.step();
  EXPECT_NE(values(a), std::vector<float>{1});
  EXPECT_EQ(values(b), std::vector<float>{1});
  EXPECT_EQ(values(decoupled.params()[0]), std::vector<float>{1});
  EXPECT_EQ(optimizer.state(a).step(), 1);
  EXPECT_EQ(optimizer.state(b).step(), 0);
}

TEST(Optimizer, UpdatesAreCountedForEachParameterByItself) {
  const Parameter late = parameter({1});
  const Parameter early = parameter({1});
  const Parameter fresh = parameter({1});
  Adam optimizer({early, late});
  set_grad(early, {1});
  optimizer.step();
  set_grad(late, {1});
  optimizer.step();
  Adam reference({fresh});
  set_grad(fresh, {1});
  reference.step();
  EXPECT_EQ(values(late), values(fresh));
  EXPECT_EQ(optimizer.state(early).step(), 2);
}

TEST(Optimizer, StepReadsGradientsButDoesNotEditThem) {
  const Parameter p = parameter({1, 2});
  AdamW optimizer({p}, {.amsgrad = true, .maximize = true});
  set_grad(p, {3, -4});
  const uint64_t version = p.grad().version();
  optimizer.step();
  EXPECT_EQ(elements(p.grad()), (std::vector<float>{3, -4}));
  EXPECT_EQ(p.grad().version(), version);
}

TEST(Optimizer, StepWritesInPlaceAndCountsAsAWrite) {
  const Parameter p = parameter({1, 2});
  const Tensor before = p.values();
  const uint64_t version = before.version();
  SGD optimizer({p}, {.lr = 1});
  set_grad(p, {1, 1});
  optimizer.step();
  EXPECT_TRUE(p.values().shares_storage_with(before));
  EXPECT_EQ(elements(before), (std::vector<float>{0, 1}));
  EXPECT_GT(before.version(), version);
}

TEST(Optimizer, ZeroGradDropsTheGradients) {
  const Parameter p = parameter({1});
  SGD optimizer({p});
  set_grad(p, {1});
  optimizer.zero_grad();
  EXPECT_FALSE(p.grad().defined());
}

TEST(Optimizer, ANonfiniteGradientSkipsTheWholeStepOnlyWhenAskedFor) {
  const Parameter good = parameter({1});
  const Parameter bad = parameter({1, 1});
  set_grad(good, {1});
  for (const float poison : {kNan, INFINITY, -INFINITY}) {
    SCOPED_TRACE(poison);
    set_grad(bad, {1, poison});
    const Parameter good_copy = good.clone();
    SGD careful({{std::vector{good}, {.lr = 0.5, .momentum = 0.9, .skip_nonfinite = true}}, {std::vector{bad}, {}}});
    int calls = 0;
    careful.after_step([&](Optimizer&) { ++calls; });
    careful.step();
    EXPECT_EQ(values(good), values(good_copy));
    EXPECT_EQ(careful.state(good).step(), 0);
    EXPECT_EQ(careful.state_bytes(), 0);
    EXPECT_EQ(calls, 1);
  }
  SGD({good, bad}, {.lr = 0.5}).step();
  EXPECT_EQ(values(good), std::vector<float>{0.5});
  EXPECT_EQ(values(bad)[0], 0.5f);
  EXPECT_FALSE(std::isfinite(values(bad)[1]));
}

TEST(Optimizer, AFiniteStepIsNotSkipped) {
  const Parameter p = parameter({1});
  SGD optimizer({p}, {.lr = 0.5, .skip_nonfinite = true});
  set_grad(p, {1});
  optimizer.step();
  EXPECT_EQ(values(p), std::vector<float>{0.5});
}

TEST(Optimizer, StatesStartAsZerosAndTakeMemoryWhenFirstNeeded) {
  const Parameter p = parameter({1, 2, 3});
  const Parameter unused = parameter({1});
  AdamW optimizer({p, unused}, {.amsgrad = true});
  EXPECT_EQ(optimizer.state_bytes(), 0);
  EXPECT_EQ(optimizer.state(p).names(), (std::vector<std::string>{"exp_avg", "exp_avg_sq", "max_exp_avg_sq"}));
  EXPECT_EQ(optimizer.state_bytes(), 0);
  EXPECT_EQ(elements(optimizer.state(p)["exp_avg"]), (std::vector<float>{0, 0, 0}));
  EXPECT_EQ(optimizer.state_bytes(), 12);
  set_grad(p, {1, 1, 1});
  optimizer.step();
  EXPECT_EQ(optimizer.state_bytes(), 3 * 12);
}

TEST(Optimizer, AStateMayBeWritten) {
  const Parameter p = parameter({1});
  SGD optimizer({p}, {.lr = 1, .momentum = 0.5});
  set_grad(p, {0});
  optimizer.step();
  optimizer.state(p)["momentum_buffer"].tensor().fill(4);
  optimizer.step();
  EXPECT_EQ(values(p), std::vector<float>{-1});
}

TEST(Optimizer, AnUnknownStateIsAnErrorThatListsTheOthers) {
  const Parameter p = parameter({1}, "fc.bias");
  const Adam adam({p});
  const std::string message = message_of<StateError>([&] { adam.state(p)["momentum"]; });
  EXPECT_NE(message.find("state of 'fc.bias': the name must be one of exp_avg, exp_avg_sq; 'momentum'"),
            std::string::npos)
      << message;
  EXPECT_NE(message_of<StateError>([&] { SGD({p}).state(p)["momentum_buffer"]; }).find("no states"), std::string::npos);
}

TEST(Optimizer, TheStateOfAParameterOfNobodyIsAnError) {
  const Adam adam({parameter({1})});
  EXPECT_NE(message_of<StateError>([&] { adam.state(parameter({1}, "other")); }).find("'other' is not"),
            std::string::npos);
  EXPECT_NE(message_of<StateError>([&] { adam.state(Parameter()); }).find("undefined"), std::string::npos);
}

TEST(Optimizer, AMovedOptimizerKeepsStatesIdAndCallbacks) {
  const Parameter p = parameter({1});
  SGD first({p}, {.lr = 1, .momentum = 0.5});
  const uint64_t id = first.id();
  std::vector<Optimizer*> called;
  first.after_step([&](Optimizer& o) { called.push_back(&o); });
  set_grad(p, {1});
  first.step();
  SGD second = std::move(first);
  second.step();
  EXPECT_EQ(second.id(), id);
  EXPECT_EQ(elements(second.state(p)["momentum_buffer"]), std::vector<float>{1.5});
  SGD third({parameter({5})});
  third = std::move(second);
  third.step();
  EXPECT_EQ(third.id(), id);
  EXPECT_EQ(elements(third.state(p)["momentum_buffer"]), std::vector<float>{1.75});
  EXPECT_EQ(called, (std::vector<Optimizer*>{&first, &second, &third}));
}

TEST(Optimizer, IdsDifferAndAreNeverZero) {
  const Parameter p = parameter({1});
  const SGD a({p});
  const SGD b({p});
  EXPECT_NE(a.id(), 0u);
  EXPECT_NE(a.id(), b.id());
}

TEST(Optimizer, AnEmptyFunctionAfterStepIsAConfigError) {
  SGD optimizer({Parameter(Tensor::zeros({2}), "w")}, {.lr = 0.1});
  message_of<ConfigError>([&] { optimizer.after_step({}); });
  optimizer.step();
}

TEST(Optimizer, AfterStepCallsInOrderAndPassesExceptionsOn) {
  const Parameter p = parameter({1});
  SGD optimizer({p}, {.lr = 0.5});
  std::string order;
  optimizer.after_step([&](Optimizer&) { order += "a"; });
  optimizer.after_step([&](Optimizer& o) { order += o.params().size() == 1 ? "b" : "?"; });
  optimizer.step();
  EXPECT_EQ(order, "ab");
  optimizer.after_step([](Optimizer&) { throw StateError("from the callback"); });
  EXPECT_THROW(optimizer.step(), StateError);
}

TEST(Optimizer, MayOutliveEveryOtherHandleOfItsParameters) {
  std::optional<Parameter> p = parameter({1});
  SGD optimizer({*p}, {.lr = 0.5, .momentum = 0.9});
  set_grad(*p, {1});
  p.reset();
  optimizer.step();
  EXPECT_EQ(values(optimizer.params()[0]), std::vector<float>{0.5});
}

TEST(Optimizer, MayBeDestroyedBeforeItsParametersAndTheHandlesOfItsStates) {
  const Parameter p = csr_parameter(2, 2, {0, 3}, {1, 2});
  auto optimizer = std::make_unique<Adam>(std::vector{p});
  set_grad(p, {1, 1});
  optimizer->step();
  const ParameterState state = optimizer->state(p);
  const State exp_avg = state["exp_avg"];
  optimizer.reset();
  change_pattern(p, {0, 1, 2});
  EXPECT_EQ(p.nnz(), 3);
  EXPECT_EQ(exp_avg.tensor().numel(), 3);
  EXPECT_EQ(state.step(), 1);
}

// A rule as an application writes it.
struct SignOptions {
  double lr = 0.5;
  bool skip_nonfinite = false;
};
struct SignRule {
  using Options = SignOptions;
  static constexpr std::string_view kName = "Sign";
  static void check(const Options&) {}
  static std::vector<std::string> state_names(const Options&) { return {"sum"}; }
  static void update(const Options& options, ParameterUpdate& u) {
    for (int64_t i = 0; i < u.values.numel(); ++i) {
      float& sum = u.states[0].mutable_data<float>()[i];
      sum += u.grad.data<float>()[i];
      u.values.mutable_data<float>()[i] -= static_cast<float>(options.lr) * (sum > 0 ? 1.0f : -1.0f);
    }
  }
};

TEST(Optimizer, AnApplicationsOwnRuleWorksOnDenseAndCsrParameters) {
  const Parameter dense = parameter({1, 1});
  const Parameter csr = csr_parameter(2, 2, {1, 2}, {1, 1});
  RuleOptimizer<SignRule> optimizer({dense, csr});
  for (const Parameter& p : optimizer.params()) set_grad(p, {3, -3});
  optimizer.step();
  for (const Parameter& p : optimizer.params()) {
    EXPECT_EQ(values(p), (std::vector<float>{0.5, 1.5}));
    EXPECT_EQ(elements(p, optimizer.state(p)["sum"]), (std::vector<float>{3, -3}));
  }
}

TEST(Optimizer, GivesTheSameBitsForAnyNumberOfThreads) {
  constexpr int64_t kSize = 100'003;  // several chunks, the last one odd
  const auto train = [](const std::function<std::unique_ptr<Optimizer>(const Parameter&)>& make, int threads) {
    const Parameter p(Tensor::zeros({kSize}));
    const auto optimizer = make(p);
    Tensor grad = Tensor::empty({kSize});
    for (int step = 0; step < 3; ++step) {
      for (int64_t i = 0; i < kSize; ++i) grad.mutable_data<float>()[i] = std::sin(static_cast<float>(i * (step + 1)));
      p.values().set_grad(grad.clone());
      with_threads(threads, [&] { optimizer->step(); });
    }
    return values(p);
  };
  const auto sgd = [](const Parameter& p) {
    return std::make_unique<SGD>(std::vector{p}, SgdOptions{.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01});
  };
  const auto adamw = [](const Parameter& p) {
    return std::make_unique<AdamW>(std::vector{p}, AdamWOptions{.lr = 0.1, .skip_nonfinite = true});
  };
  const std::vector<float> sgd_alone = train(sgd, 1);
  const std::vector<float> adamw_alone = train(adamw, 1);
  EXPECT_NE(sgd_alone, adamw_alone);
  for (const int threads : {2, 3, 8}) {
    EXPECT_EQ(train(sgd, threads), sgd_alone) << threads;
    EXPECT_EQ(train(adamw, threads), adamw_alone) << threads;
  }
}

}  // namespace
}  // namespace gossamer::optim::test_optimizer
