// state_dict and load_state_dict: what is saved, what is restored, and what is refused.
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/optim/sgd.h"
#include "gossamer/runtime.h"
#include "gossamer/sparse/static.h"
#include "tests/nn/support.h"

namespace gossamer::nn::test_state_dict {
namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// All of a module's state, and the patterns themselves, are what they were.
void expect_unchanged(const Net& net, const StateDict& before) {
  const StateDict now = net.state_dict();
  ASSERT_EQ(names_of(now), names_of(before));
  for (const auto& [name, tensor] : now) expect_equal(tensor, before.at(name));
}

TEST(StateDict, HoldsParametersDenseWithMasksAndBuffers) {
  Net net = make_net(1);
  make_csr(net.fc1.weight(), {0, 5, 11});
  const StateDict dict = net.state_dict();
  EXPECT_EQ(names_of(dict), (Names{"fc1.bias", "fc1.weight", "fc1.weight_mask", "fc2.bias", "fc2.weight", "scale"}));
  const Tensor& weight = dict.at("fc1.weight");
  const Tensor& mask = dict.at("fc1.weight_mask");
  ASSERT_EQ(weight.shape(), Shape({3, 4}));
  ASSERT_EQ(mask.shape(), Shape({3, 4}));
  for (int64_t i = 0; i < 12; ++i) {
    const bool kept = i == 0 || i == 5 || i == 11;
    EXPECT_EQ(mask.data<bool>()[i], kept) << i;
    EXPECT_EQ(weight.data<float>()[i] != 0, kept) << i;
  }
}

TEST(StateDict, HoldsCopies) {
  Net net = make_net(1);
  StateDict dict = net.state_dict();
  const Tensor bias = net.fc1.bias().dense();
  dict.at("fc1.bias").fill(7);
  dict.at("scale").fill(7);
  expect_equal(net.fc1.bias().dense(), bias);
  EXPECT_EQ(net.scale.item<float>(), 2);
}

TEST(StateDict, RestoresADenseModel) {
  Net from = make_net(1);
  Net to = make_net(2);
  from.scale.fill(5);
  const LoadResult result = to.load_state_dict(from.state_dict());
  EXPECT_TRUE(result.missing.empty() && result.unexpected.empty());
  const Tensor x = uniform({3, 4}, 1);
  expect_equal(to(x), from(x));
  EXPECT_FALSE(to.fc1.weight().is_csr());
  EXPECT_EQ(to.fc1.weight().values().shape(), Shape({3, 4}));
}

TEST(StateDict, RestoresThePatternOfACsrModelInADenseOne) {
  Net from = make_net(1);
  make_csr(from.fc1.weight(), {1, 2, 7, 8});
  Net to = make_net(2);
  to.load_state_dict(from.state_dict());
  ASSERT_TRUE(to.fc1.weight().is_csr());
  EXPECT_EQ(*to.fc1.weight().pattern(), *from.fc1.weight().pattern());
  const Tensor x = uniform({3, 4}, 1);
  expect_equal(to(x), from(x));
  sum(to(x)).backward();
  EXPECT_EQ(to.fc1.weight().grad().shape(), Shape({4}));
}

TEST(StateDict, ReplacesOnePatternByAnother) {
  Net from = make_net(1);
  Net to = make_net(2);
  make_csr(from.fc1.weight(), {1, 2, 7, 8});
  make_csr(to.fc1.weight(), {0, 2, 3, 8, 9});
  to.load_state_dict(from.state_dict());
  EXPECT_EQ(*to.fc1.weight().pattern(), *from.fc1.weight().pattern());
  expect_equal(to.fc1.weight().dense(), from.fc1.weight().dense());
}

TEST(StateDict, KeepsThePatternItHasWhereTheMaskIsTheSame) {
  Net net = make_net(1);
  make_csr(net.fc1.weight(), {1, 2, 7, 8});
  const auto pattern = net.fc1.weight().pattern();
  net.load_state_dict(net.state_dict());
  EXPECT_EQ(net.fc1.weight().pattern(), pattern);
}

TEST(StateDict, SelectsTheKeptElementsSoThatWhatIsPrunedMayBeAnything) {
  Net net = make_net(1);
  StateDict dict = net.state_dict();
  dict.at("fc2.weight").fill(std::numeric_limits<double>::quiet_NaN());
  dict.at("fc2.weight").mutable_data<float>()[4] = 1.5;
  dict["fc2.weight_mask"] = Tensor::from<bool>({false, false, false, false, true, false}, {2, 3});
  net.load_state_dict(dict);
  expect_equal(net.fc2.weight().dense(), Tensor::from<float>({0, 0, 0, 0, 1.5, 0}, {2, 3}));
}

TEST(StateDict, WarnsAboutValuesWhereTheMaskIsZero) {
  std::vector<std::string> warnings;
  set_log_callback([&](LogLevel, std::string_view message) { warnings.emplace_back(message); });
  Net net = make_net(1);
  StateDict dict = net.state_dict();
  dict["fc2.weight"] = Tensor::from<float>({0, 2, 0, std::nanf(""), 5, -0.0F}, {2, 3});
  dict["fc2.weight_mask"] = Tensor::from<bool>({true, false, false, false, true, false}, {2, 3});
  net.load_state_dict(dict);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_EQ(warnings[0],
            "load_state_dict: 'fc2.weight' has 2 values other than 0 where its mask is 0; they are dropped");
  net.load_state_dict(net.state_dict());
  EXPECT_EQ(warnings.size(), 1U);
  set_log_callback({});
}

TEST(StateDict, ClearsGradientsButKeepsOptimizerStatesOfSurvivors) {
  Net net = make_net(1);
  optim::SGD optimizer(net.parameters(), {.lr = 0.1, .momentum = 0.9});
  sum(net(uniform({2, 4}, 3))).backward();
  optimizer.step();
  const Parameter weight = net.fc2.weight();
  const Tensor momentum = optimizer.state(weight)["momentum_buffer"].tensor().clone();
  StateDict dict = net.state_dict();
  dict["fc2.weight_mask"] = Tensor::from<bool>({true, false, false, false, false, true}, {2, 3});
  net.load_state_dict(dict);
  EXPECT_FALSE(weight.grad().defined());
  const Tensor kept = weight.pattern()->to_canonical(optimizer.state(weight)["momentum_buffer"].tensor());
  expect_equal(kept, Tensor::from<float>({momentum.data<float>()[0], momentum.data<float>()[5]}, {2}));
}

TEST(StateDict, ListsAllFaultsInOneErrorAndChangesNothing) {
  Net net = make_net(1);
  make_csr(net.fc2.weight(), {0, 4});
  net.fc1.requires_dense();
  const StateDict before = net.state_dict();
  const auto pattern = net.fc2.weight().pattern();

  StateDict dict = make_net(2).state_dict();                       // fc2.weight_mask is missing
  dict["fc1.weight_mask"] = Tensor::ones({3, 4}, DType::boolean);  // but fc1 has to be dense
  dict["fc1.bias"] = Tensor::ones({4});
  dict["fc2.bias"] = Tensor::ones({2}, DType::f64);
  dict.erase("scale");
  dict["fc3.weight"] = Tensor::ones({1});
  dict["fc2.weight"] = Tensor();
  const std::string message = message_of<FormatError>([&] { net.load_state_dict(dict); });
  for (const char* fault : {"'fc2.weight_mask' is missing", "'fc1.weight' must be dense",
                            "'fc1.bias' must be f32 [3], not f32 [4]", "'fc2.bias' must be f32 [2], not f64 [2]",
                            "'scale' is missing", "'fc3.weight' is unexpected", "'fc2.weight' is undefined"}) {
    EXPECT_TRUE(contains(message, fault)) << fault << " in: " << message;
  }
  expect_unchanged(net, before);
  EXPECT_EQ(net.fc2.weight().pattern(), pattern);
}

TEST(StateDict, RefusesMasksOfAnotherTypeOrShape) {
  Net net = make_net(1);
  const StateDict before = net.state_dict();
  for (const Tensor& mask :
       {Tensor::ones({3, 4}), Tensor::ones({4, 3}, DType::boolean), Tensor::ones({12}, DType::boolean)}) {
    StateDict dict = make_net(2).state_dict();
    dict["fc1.weight_mask"] = mask;
    EXPECT_TRUE(
        contains(message_of<FormatError>([&] { net.load_state_dict(dict); }), "'fc1.weight_mask' must be bool [3, 4]"));
  }
  Tensor bytes = Tensor::ones({3, 4}, DType::boolean);
  *reinterpret_cast<uint8_t*>(bytes.mutable_data<bool>() + 5) = 2;
  StateDict dict = make_net(2).state_dict();
  dict["fc1.weight_mask"] = bytes;
  EXPECT_TRUE(contains(message_of<FormatError>([&] { net.load_state_dict(dict); }),
                       "'fc1.weight_mask' must have bytes of 0 and 1: element 5 is 2"));
  expect_unchanged(net, before);
}

TEST(StateDict, PassesOverMissingAndUnexpectedNamesUnlessStrict) {
  Net net = make_net(1);
  const Tensor bias = net.fc1.bias().dense();
  StateDict dict = make_net(2).state_dict();
  dict.erase("fc1.bias");
  dict.erase("scale");
  dict["head.weight"] = Tensor::ones({1});
  dict["head.weight_mask"] = Tensor::ones({1}, DType::boolean);
  const LoadResult result = net.load_state_dict(dict, {.strict = false});
  EXPECT_EQ(result.missing, (Names{"fc1.bias", "scale"}));
  EXPECT_EQ(result.unexpected, (Names{"head.weight", "head.weight_mask"}));
  expect_equal(net.fc1.bias().dense(), bias);
  expect_equal(net.fc1.weight().dense(), dict.at("fc1.weight"));

  dict["fc2.bias"] = Tensor::ones({9});
  EXPECT_THROW(net.load_state_dict(dict, {.strict = false}), FormatError);
}

TEST(StateDict, PrunesDenseWeightsToThePatternOfACsrParameterUnlessStrict) {
  Net net = make_net(1);
  make_csr(net.fc2.weight(), {0, 4});
  StateDict dict = make_net(2).state_dict();
  dict["fc2.weight"] = Tensor::from<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_THROW(net.load_state_dict(dict), FormatError);
  const LoadResult result = net.load_state_dict(dict, {.strict = false});
  EXPECT_EQ(result.missing, Names{"fc2.weight_mask"});
  ASSERT_TRUE(net.fc2.weight().is_csr());
  expect_equal(net.fc2.weight().dense(), Tensor::from<float>({1, 0, 0, 0, 5, 0}, {2, 3}));
}

TEST(StateDict, InAFormOfPyTorchNamesWhatReadsIt) {
  Net net = make_net(1);
  const auto message = [&](const StateDict& changes, const std::string& without) {
    StateDict dict = make_net(2).state_dict();
    dict.erase(without);
    for (const auto& [name, tensor] : changes) dict[name] = tensor;
    return message_of<FormatError>([&] { net.load_state_dict(dict); });
  };
  const Tensor w = uniform({3, 4}, 3);
  EXPECT_TRUE(
      message({{"fc1.weight_orig", w}, {"fc1.weight_mask", Tensor::ones({3, 4})}}, "fc1.weight")
          .ends_with(
              "; nn::load_weights reads weight_orig and weight_mask of torch.nn.utils.prune; strict = false passes "
              "over missing and unexpected names"));
  const std::string types = "; nn::load_weights reads values of either floating type, and masks of any";
  EXPECT_TRUE(message({{"fc1.weight", w.to(DType::f64)}}, "").ends_with(types));
  EXPECT_TRUE(message({{"fc1.weight_mask", Tensor::ones({3, 4})}}, "").ends_with(types));
  EXPECT_TRUE(message({{"fc1.weight", Tensor::ones({4, 3})}}, "").ends_with("not f32 [4, 3]"));
}

TEST(StateDict, TakesNoMaskWithoutItsWeight) {
  Net net = make_net(1);
  StateDict dict = make_net(2).state_dict();
  dict.erase("fc1.weight");
  dict["fc1.weight_mask"] = Tensor::zeros({3, 4}, DType::boolean);
  const LoadResult result = net.load_state_dict(dict, {.strict = false});
  EXPECT_EQ(result.missing, Names{"fc1.weight"});
  EXPECT_EQ(result.unexpected, Names{"fc1.weight_mask"});
  EXPECT_FALSE(net.fc1.weight().is_csr());
}

TEST(StateDict, LoadsAModelThatASparsityAlgorithmMadeSparse) {
  Net from = make_net(1);
  sparse::Static algorithm(0.5);
  from.apply(algorithm);
  Net to = make_net(2);
  to.load_state_dict(from.state_dict());
  ASSERT_EQ(names_of(to.named_parameters()), names_of(from.named_parameters()));
  for (size_t i = 0; i < to.parameters().size(); ++i) {
    EXPECT_EQ(*to.parameters()[i].topology(), *from.parameters()[i].topology()) << from.parameters()[i].name();
  }
  const Tensor x = uniform({3, 4}, 1);
  expect_equal(to(x), from(x));
}

}  // namespace
}  // namespace gossamer::nn::test_state_dict
