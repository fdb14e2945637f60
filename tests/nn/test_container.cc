// Sequential and ModuleList: names, order, moves, clones.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gossamer/nn/activation.h"
#include "gossamer/nn/container.h"
#include "gossamer/nn/dropout.h"
#include "tests/nn/support.h"

namespace gossamer::nn::test_container {
namespace {

Sequential make_mlp(Generator& rng) {
  return Sequential(named("fc1", Linear({.in = 4, .out = 3}, rng)), named("act", ReLU()),
                    named("fc2", Linear({.in = 3, .out = 2}, rng)));
}

TEST(Sequential, GivesEachModuleTheOutputOfTheOneBefore) {
  Generator rng(1);
  Sequential model = make_mlp(rng);
  const Tensor x = uniform({5, 4}, 1);
  expect_equal(model(x), model["fc2"](relu(model["fc1"](x))));
}

TEST(Sequential, NamesParametersByTheNamesOfItsModules) {
  Generator rng(1);
  const Sequential model = make_mlp(rng);
  EXPECT_EQ(names_of(model.named_parameters()), (Names{"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}));
}

TEST(Sequential, CallsModulesWithoutANameByTheirPosition) {
  Generator rng(1);
  Sequential model(Linear({.in = 4, .out = 3}, rng), named("act", ReLU()),
                   Linear({.in = 3, .out = 2, .bias = false}, rng));
  EXPECT_EQ(names_of(model.named_parameters()), (Names{"0.weight", "0.bias", "2.weight"}));
  EXPECT_EQ(&model[2], &model["2"]);
}

TEST(Sequential, GivesItsModulesByTheirType) {
  Generator rng(1);
  const Sequential model = make_mlp(rng);
  EXPECT_EQ(model.get<Linear>("fc2").weight(), model.parameters()[2]);
  EXPECT_EQ(&model.get<Linear>(0), &model["fc1"]);
  EXPECT_EQ(message_of<ConfigError>([&] { model.get<Linear>("act"); }),
            "Sequential: module 'act' must be of the type asked for; it is of another");
  EXPECT_THROW(model.get<ReLU>(2), ConfigError);
  EXPECT_THROW(model.get<Linear>("fc3"), ConfigError);
}

TEST(Sequential, NestsAndGrows) {
  Generator rng(1);
  Sequential model(named("body", make_mlp(rng)));
  model.append(Linear({.in = 2, .out = 1, .bias = false}, rng)).append(named("last", ReLU()));
  EXPECT_EQ(model.size(), 3U);
  EXPECT_EQ(names_of(model.named_parameters()),
            (Names{"body.fc1.weight", "body.fc1.bias", "body.fc2.weight", "body.fc2.bias", "1.weight"}));
  EXPECT_EQ(model(uniform({5, 4}, 1)).shape(), Shape({5, 1}));
}

TEST(Sequential, WithoutModulesReturnsItsInput) {
  const Tensor x = uniform({2, 2}, 1);
  EXPECT_TRUE(Sequential()(x).shares_storage_with(x));
}

TEST(Sequential, RefusesNamesThatComeTwiceAndModulesThatDoNotExist) {
  Generator rng(1);
  EXPECT_THROW(Sequential(named("a", ReLU()), named("a", ReLU())), ConfigError);
  EXPECT_THROW(Sequential(named("a.b", ReLU())), ConfigError);
  EXPECT_THROW(Sequential(NamedModule{"a", nullptr}), StateError);
  Sequential model = make_mlp(rng);
  EXPECT_THROW(model.append(named("fc1", ReLU())), ConfigError);
  EXPECT_EQ(model.size(), 3U);
  EXPECT_THROW(model[3], ConfigError);
  EXPECT_NE(message_of<ConfigError>([&] { (void)model["fc3"]; }).find("fc1, act, fc2"), std::string::npos);
}

TEST(Sequential, KeepsItsModulesWhenMoved) {
  Generator rng(1);
  std::optional<Sequential> model(make_mlp(rng));
  const Tensor x = uniform({5, 4}, 1);
  const Tensor y = (*model)(x);
  Sequential moved = std::move(*model);
  model.reset();
  expect_equal(moved(x), y);
  moved.eval();
  EXPECT_FALSE(moved["fc2"].training());
  EXPECT_EQ(moved.parameters().size(), 4U);

  Sequential assigned;
  assigned = std::move(moved);
  expect_equal(assigned(x), y);
  EXPECT_EQ(assigned.parameters()[2].name(), "fc2.weight");
}

TEST(Sequential, ClonesAllModulesWithTheirFlags) {
  Generator rng(1);
  Sequential model = make_mlp(rng);
  model.append(named("drop", Dropout({.p = 0.5}, rng)));
  make_csr(model.parameters()[0], {0, 5, 7});
  model["drop"].eval();
  const Tensor x = uniform({5, 4}, 1);
  const Tensor y = model(x);

  const auto copy = model.clone();
  EXPECT_EQ(names_of(copy->named_parameters()), names_of(model.named_parameters()));
  EXPECT_TRUE(copy->training());
  expect_equal((*copy)(x), y);
  copy->parameters()[2].values().fill(0);
  copy->train();
  expect_equal(model(x), y);
}

TEST(Sequential, RefusesToCloneSharedParametersApart) {
  Generator rng(1);
  Linear first({.in = 3, .out = 3}, rng);
  Linear second(first.weight());
  const Sequential model(std::move(first), std::move(second));
  EXPECT_THROW((void)model.clone(), StateError);
}

struct Chain : Cloneable<Chain> {
  ModuleList blocks;
  explicit Chain(Generator& rng) {
    for (int i = 0; i < 3; ++i) blocks.append(Linear({.in = 4, .out = 4, .bias = i == 1}, rng));
    register_module("blocks", blocks);
  }
  Tensor forward(const Tensor& x) override {
    Tensor y = x;
    for (Module& block : blocks) y = relu(block(y));
    return y;
  }
};

TEST(ModuleList, NamesItsModulesByPositionAndGoesThroughThemInOrder) {
  Generator rng(1);
  Chain chain(rng);
  EXPECT_EQ(names_of(chain.named_parameters()),
            (Names{"blocks.0.weight", "blocks.1.weight", "blocks.1.bias", "blocks.2.weight"}));
  ASSERT_EQ(chain.blocks.size(), 3U);
  const Tensor x = uniform({5, 4}, 1);
  expect_equal(chain(x), relu(chain.blocks[2](relu(chain.blocks[1](relu(chain.blocks[0](x)))))));
  EXPECT_EQ(chain.blocks.get<Linear>(1).bias(), chain.parameters()[2]);
  chain.eval();
  EXPECT_FALSE(chain.blocks[2].training());
}

TEST(ModuleList, RefusesWhatIsNoModuleAndModulesThatDoNotExist) {
  ModuleList list;
  EXPECT_TRUE(list.begin() == list.end());
  EXPECT_THROW(list.append(std::unique_ptr<Module>()), StateError);
  list.append(ReLU()).append(Identity());
  EXPECT_EQ(list.size(), 2U);
  EXPECT_THROW(list[2], ConfigError);
  EXPECT_THROW(list.get<Linear>(0), ConfigError);
  EXPECT_THROW(list(uniform({2, 2}, 1)), StateError);
}

TEST(ModuleList, ClonesAndMovesWithAllItsModules) {
  Generator rng(1);
  Chain chain(rng);
  make_csr(chain.parameters()[0], {0, 5, 7});
  chain.blocks[1].eval();
  const Tensor x = uniform({5, 4}, 1);
  const Tensor y = chain(x);
  const auto copy = chain.clone();
  expect_equal((*copy)(x), y);
  const auto list = chain.blocks.clone();
  EXPECT_EQ(names_of(list->named_parameters()), (Names{"0.weight", "1.weight", "1.bias", "2.weight"}));
  EXPECT_FALSE(dynamic_cast<ModuleList&>(*list)[1].training());
  EXPECT_TRUE(list->training());
  const ModuleList moved = std::move(dynamic_cast<ModuleList&>(*list));
  EXPECT_EQ(names_of(moved.named_parameters()), (Names{"0.weight", "1.weight", "1.bias", "2.weight"}));
  copy->parameters()[1].values().fill(0);
  expect_equal(chain(x), y);

  ModuleList shared;
  Linear first({.in = 3, .out = 3}, rng);
  shared.append(Linear(first.weight()));
  shared.append(std::move(first));
  EXPECT_THROW((void)shared.clone(), StateError);
}

}  // namespace
}  // namespace gossamer::nn::test_container
