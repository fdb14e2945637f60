// Module: names, sharing, moves, modes.
#include <algorithm>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "gossamer/nn/activation.h"
#include "gossamer/nn/container.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/sparse/static.h"
#include "tests/nn/support.h"

namespace gossamer::nn::test_module {
namespace {

static_assert(std::is_move_constructible_v<Net> && std::is_move_assignable_v<Net>);
static_assert(!std::is_copy_constructible_v<Net> && !std::is_copy_assignable_v<Net>);
static_assert(!std::is_move_assignable_v<Module>, "assigning through the base would leave half a module");

// Registers what a test hands it.
struct Open : Module {
  using Module::copy_state_from;
  using Module::register_buffer;
  using Module::register_module;
  using Module::register_parameter;
};

Parameter parameter(const Shape& shape = {2}) { return Parameter(Tensor::ones(shape)); }

TEST(Module, NamesParametersByTheirPathThroughAllLevels) {
  Net net = make_net(1);
  Open outer;
  outer.register_parameter("gain", parameter());
  outer.register_module("net", net);
  const Names expected = {"gain", "net.fc1.weight", "net.fc1.bias", "net.fc2.weight", "net.fc2.bias"};
  EXPECT_EQ(names_of(outer.named_parameters()), expected);
  Names own;
  for (const Parameter& p : outer.parameters()) own.push_back(p.name());
  EXPECT_EQ(own, expected);
  EXPECT_EQ(names_of(outer.named_buffers()), Names{"net.scale"});
}

TEST(Module, FindsAParameterByItsName) {
  Net net = make_net(1);
  Open outer;
  outer.register_module("net", net);
  EXPECT_EQ(outer.parameter("net.fc2.bias"), outer.parameters()[3]);
  EXPECT_EQ(message_of<ConfigError>([&] { outer.parameter("net.fc2.wieght"); }),
            "Module::parameter: the name must be one of named_parameters(); 'net.fc2.wieght'; "
            "there are 'net.fc2.weight', 'net.fc1.weight', 'net.fc2.bias', 'net.fc1.bias'");
  EXPECT_THROW(Open().parameter("x"), ConfigError);
}

TEST(Module, IsWrittenAsATreeOfItsParts) {
  Net net = make_net(1);
  Open outer;
  outer.register_parameter("gain", parameter());
  outer.register_module("net", net);
  Sequential rest(named("act", ReLU()));
  outer.register_module("rest", rest);
  make_csr(net.parameter("fc1.weight"), {0, 2, 5});
  std::ostringstream out;
  out << outer;
  EXPECT_EQ(out.str(), R"(Open(
  gain: f32 [2], dense
  (net): Net(
    scale: f32 [], buffer
    (fc1): Linear(
      weight: f32 [3, 4], CSR with 3 nonzeros (sparsity 75.00 %)
      bias: f32 [3], dense
    )
    (fc2): Linear(
      weight: f32 [2, 3], dense
      bias: f32 [2], dense
    )
  )
  (rest): Sequential(
    (act): ReLU()
  )
))");
}

TEST(Module, NamesWhatIsRegisteredAfterItWasRegisteredItself) {
  Open outer;
  Open inner;
  outer.register_module("inner", inner);
  const Parameter late = parameter();
  inner.register_parameter("late", late);
  EXPECT_EQ(late.name(), "inner.late");
  EXPECT_EQ(names_of(outer.named_parameters()), Names{"inner.late"});
}

TEST(Module, ListsASharedParameterOnceUnderItsFirstName) {
  Generator rng(1);
  Linear a({.in = 3, .out = 3}, rng);
  Linear b(a.weight());
  Open outer;
  outer.register_module("a", a);
  outer.register_module("b", b);
  EXPECT_EQ(names_of(outer.named_parameters()), (Names{"a.weight", "a.bias"}));
  EXPECT_EQ(a.weight().name(), "a.weight");
  EXPECT_EQ(names_of(outer.state_dict()), (Names{"a.bias", "a.weight"}));
}

TEST(Module, ListsItselfAndItsDescendants) {
  Net net = make_net(1);
  const auto modules = net.named_modules();
  EXPECT_EQ(names_of(modules), (Names{"", "fc1", "fc2"}));
  EXPECT_EQ(modules[0].second, &net);
  EXPECT_EQ(modules[2].second, &net.fc2);
}

TEST(Module, RefusesNamesThatAreEmptyDottedOrTaken) {
  Open m;
  Open child;
  m.register_parameter("x", parameter());
  for (const char* name : {"", "a.b", "x"}) {
    EXPECT_THROW(m.register_parameter(name, parameter()), ConfigError) << name;
    EXPECT_THROW(m.register_buffer(name, Tensor::ones({1})), ConfigError) << name;
    EXPECT_THROW(m.register_module(name, child), ConfigError) << name;
  }
  EXPECT_EQ(names_of(m.named_parameters()), Names{"x"});
  EXPECT_TRUE(m.named_buffers().empty());
  EXPECT_EQ(m.named_modules().size(), 1U);
}

TEST(Module, RefusesNamesThatAStateDictWouldTakeForMasks) {
  Open m;
  m.register_parameter("w", parameter());
  m.register_buffer("b_mask", Tensor::ones({1}));
  EXPECT_THROW(m.register_buffer("w_mask", Tensor::ones({1})), ConfigError);
  EXPECT_THROW(m.register_parameter("b", parameter()), ConfigError);
  EXPECT_NO_THROW(m.register_buffer("attention_mask", Tensor::ones({1})));
}

TEST(Module, RefusesWhatIsUndefined) {
  Open m;
  EXPECT_THROW(m.register_parameter("w", Parameter()), StateError);
  EXPECT_THROW(m.register_buffer("b", Tensor()), StateError);
  EXPECT_TRUE(m.state_dict().empty());
}

TEST(Module, RefusesAChildThatBelongsElsewhereOrContainsIt) {
  Open a;
  Open b;
  Open child;
  a.register_module("child", child);
  EXPECT_THROW(b.register_module("child", child), ConfigError);
  EXPECT_THROW(child.register_module("a", a), ConfigError);
  EXPECT_THROW(a.register_module("self", a), ConfigError);
}

TEST(Module, KeepsItsPartsWhenMovedWithItsMembers) {
  std::optional<Net> first(make_net(1));
  const Tensor x = uniform({5, 4}, 2);
  const Tensor before = first->forward(x);
  Net moved = std::move(*first);
  first.reset();
  expect_equal(moved(x), before);
  EXPECT_EQ(names_of(moved.named_parameters()), (Names{"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}));
  EXPECT_TRUE(moved.parameters()[0] == moved.fc1.weight());
  EXPECT_EQ(moved.named_modules()[1].second, &moved.fc1);
  moved.eval();
  EXPECT_FALSE(moved.fc1.training());
}

TEST(Module, KeepsAChildThatMovesAfterItsRegistration) {
  Generator rng(1);
  Open outer;
  auto child = std::make_unique<Linear>(LinearOptions{.in = 2, .out = 2}, rng);
  outer.register_module("child", *child);
  Linear moved = std::move(*child);
  child.reset();
  EXPECT_EQ(names_of(outer.named_parameters()), (Names{"child.weight", "child.bias"}));
  EXPECT_EQ(outer.named_modules()[1].second, &moved);
}

TEST(Module, TakesItsPlaceInTheParentWhenAssigned) {
  Net net = make_net(1);
  Open outer;
  outer.register_module("net", net);
  Generator rng(9);
  net.fc1 = Linear({.in = 4, .out = 3}, rng);
  EXPECT_TRUE(net.parameters()[0] == net.fc1.weight());
  EXPECT_EQ(net.fc1.weight().name(), "net.fc1.weight");

  net = make_net(3);
  EXPECT_TRUE(outer.parameters()[2] == net.fc2.weight());
  EXPECT_EQ(net.fc2.weight().name(), "net.fc2.weight");
  EXPECT_EQ(outer.named_modules()[2].second, &net.fc1);
}

TEST(Module, ThrowsWhenUsedAfterAMove) {
  Net net = make_net(1);
  const Net moved = std::move(net);
  EXPECT_THROW(net.parameters(), StateError);  // NOLINT(bugprone-use-after-move)
  EXPECT_THROW(net.train(), StateError);
  net = make_net(2);
  EXPECT_EQ(net.parameters().size(), 4U);
}

TEST(Module, LeavesItsParametersAliveInAnOptimizer) {
  std::optional<Net> net(make_net(1));
  const std::vector<Parameter> parameters = net->parameters();
  optim::SGD optimizer(parameters, {.lr = 0.5});
  const Tensor before = parameters[3].dense();
  sum(net->forward(uniform({2, 4}, 3))).backward();
  net.reset();
  optimizer.step();
  // d sum / d bias of the last layer is 2 samples times the scale of 2.
  expect_close(parameters[3].dense(), add_scalar(before, -0.5 * 4));
}

TEST(Module, LeavesOutModulesThatAreGone) {
  Open outer;
  {
    Open child;
    child.register_parameter("w", parameter());
    outer.register_module("child", child);
  }
  EXPECT_EQ(names_of(outer.named_modules()), Names{""});
  EXPECT_EQ(names_of(outer.named_parameters()), Names{"child.w"});
}

TEST(Module, SwitchesAllItsDescendantsBetweenTrainingAndEvaluation) {
  Net net = make_net(1);
  Open outer;
  outer.register_module("net", net);
  EXPECT_TRUE(outer.training() && net.fc2.training());
  outer.eval();
  EXPECT_FALSE(outer.training() || net.training() || net.fc1.training() || net.fc2.training());
  net.train();
  EXPECT_TRUE(net.fc1.training());
  EXPECT_FALSE(outer.training());
}

TEST(Module, ClearsAllGradients) {
  Net net = make_net(1);
  sum(net(uniform({2, 4}, 1))).backward();
  EXPECT_TRUE(std::ranges::all_of(net.parameters(), [](const Parameter& p) { return p.grad().defined(); }));
  net.zero_grad();
  EXPECT_TRUE(std::ranges::none_of(net.parameters(), [](const Parameter& p) { return p.grad().defined(); }));
}

TEST(Module, KeepsParametersWithRequiresDenseFromASparsityAlgorithm) {
  Net net = make_net(1);
  net.fc2.requires_dense();
  sparse::Static algorithm(0.5);
  net.apply(algorithm);
  EXPECT_TRUE(net.fc1.weight().is_csr());
  EXPECT_EQ(net.fc1.weight().nnz(), 6);
  EXPECT_FALSE(net.fc2.weight().is_csr() || net.fc2.bias().is_csr());
  EXPECT_EQ(algorithm.sparse_params().front().name(), "fc1.weight");
}

TEST(Module, MarksNoneWithRequiresDenseWhereOneIsCsr) {
  Net net = make_net(1);
  make_csr(net.fc2.weight(), {0, 3});
  EXPECT_NE(message_of<StateError>([&] { net.requires_dense(); }).find("fc2.weight"), std::string::npos);
  EXPECT_FALSE(net.fc1.weight().requires_dense());
  net.fc1.requires_dense();
  net.requires_dense(false);
  EXPECT_FALSE(net.fc1.weight().requires_dense());
}

TEST(Module, ClonesACustomModuleWithPatternsFlagsAndBuffers) {
  Net net = make_net(1);
  make_csr(net.fc1.weight(), {0, 5, 11});
  const auto& pattern = net.fc1.weight().pattern();
  net.fc1.weight().set_forward_pattern(
      CsrPattern::from_positions(pattern->rows(), pattern->cols(), std::vector<int64_t>{5}));
  net.fc2.requires_dense();
  net.fc2.bias().set_requires_grad(false);
  net.fc1.eval();
  net.scale.fill(3);

  const std::unique_ptr<Module> copy = net.clone();
  auto& twin = dynamic_cast<Net&>(*copy);
  EXPECT_EQ(*twin.fc1.weight().pattern(), *net.fc1.weight().pattern());
  EXPECT_EQ(*twin.fc1.weight().forward_pattern(), *net.fc1.weight().forward_pattern());
  EXPECT_TRUE(twin.fc2.weight().requires_dense());
  EXPECT_FALSE(twin.fc2.bias().requires_grad());
  EXPECT_TRUE(twin.training() && !twin.fc1.training() && twin.fc2.training());
  const Tensor x = uniform({3, 4}, 5);
  const Tensor y = net(x);
  expect_equal(twin(x), y);

  twin.fc1.weight().values().fill(0);
  twin.scale.fill(0);
  expect_equal(net(x), y);
}

TEST(Module, CopiesNoStateFromAModuleOfOtherNamesOrShapes) {
  Open a;
  Open b;
  const Parameter ones = parameter({2});
  a.register_parameter("w", ones);
  b.register_parameter("w", parameter({3}));
  EXPECT_THROW(a.copy_state_from(b), StateError);
  Open c;
  c.register_parameter("v", Parameter(Tensor::zeros({2})));
  EXPECT_THROW(a.copy_state_from(c), StateError);
  expect_equal(ones.dense(), Tensor::ones({2}));
}

TEST(Module, NamesTwentyThousandLayersOfOneSequence) {
  Sequential model;
  for (int i = 0; i < 20000; ++i) {
    Open layer;
    layer.register_parameter("w", parameter({1}));
    model.append(std::move(layer));
  }
  const auto named = model.named_parameters();
  ASSERT_EQ(named.size(), 20000U);
  EXPECT_EQ(named[19999].first, "19999.w");
  EXPECT_EQ(named[12345].second.name(), "12345.w");
}

TEST(Module, NamesAParameterByItsFirstPlaceWhereverItIsRegisteredLater) {
  const Parameter shared = parameter();
  Open first;
  Open second;
  Open outer;
  outer.register_module("first", first);
  outer.register_module("second", second);
  second.register_parameter("w", shared);
  EXPECT_EQ(shared.name(), "second.w");
  Open inner;
  inner.register_parameter("tied", shared);
  EXPECT_EQ(shared.name(), "tied");
  first.register_module("inner", inner);
  EXPECT_EQ(shared.name(), "first.inner.tied");
  outer.register_parameter("top", shared);
  EXPECT_EQ(shared.name(), "top");
  EXPECT_EQ(names_of(outer.named_parameters()), Names{"top"});
}

TEST(Module, SaysWhatAClassHasToOverride) {
  Open m;
  EXPECT_THROW(m(Tensor::ones({1})), StateError);
  EXPECT_NE(message_of<StateError>([&] { (void)m.clone(); }).find("copy_state_from"), std::string::npos);
}

}  // namespace
}  // namespace gossamer::nn::test_module
