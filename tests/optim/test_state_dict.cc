// state_dict and load_state_dict: an exact resume, and the refusal of everything else.
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/optim/adam.h"
#include "gossamer/optim/sgd.h"
#include "tests/optim/support.h"

namespace gossamer::optim::test_state_dict {
namespace {

using Dict = gossamer::StateDict;

// A bias, and a weight whose pattern the kernels stream in an order of their own.
struct Model {
  Parameter weight = csr_parameter(3, 4, {0, 3, 5, 6, 11}, {1, 2, 3, 4, 5}, "fc.weight");
  Parameter bias = parameter({1, 2, 3}, "fc.bias");

  std::vector<Parameter> parameters() const { return {weight, bias}; }
  void set_grads(int step) const {
    const auto s = static_cast<float>(step);
    set_grad(weight, {s, -1, 2 * s, 3, -s});
    set_grad(bias, {1, s, -s});
  }
};

Model copy(const Model& model) { return {model.weight.clone(), model.bias.clone()}; }

AdamW make_optimizer(const Model& model) { return AdamW(model.parameters(), {.lr = 0.1, .amsgrad = true}); }

void train(const Model& model, Optimizer& optimizer, int from, int to) {
  for (int step = from; step < to; ++step) {
    model.set_grads(step);
    optimizer.step();
  }
}

std::vector<std::string> keys(const Dict& dict) {
  std::vector<std::string> keys;
  for (const auto& [key, tensor] : dict) keys.push_back(key);
  return keys;
}

TEST(OptimizerStateDict, NamesStatesStepsPatternsAndLearningRates) {
  const Model model;
  SGD optimizer({{std::vector{model.weight}, {.momentum = 0.9}}, {std::vector{model.bias}, {.lr = 0.25}}});
  train(model, optimizer, 1, 3);
  const Dict dict = optimizer.state_dict();
  EXPECT_EQ(keys(dict), (std::vector<std::string>{"param_groups.0.lr", "param_groups.1.lr", "state.fc.bias.step",
                                                  "state.fc.weight.momentum_buffer", "state.fc.weight.pattern",
                                                  "state.fc.weight.step"}));
  EXPECT_EQ(dict.at("state.fc.weight.step").item<int64_t>(), 2);
  EXPECT_EQ(dict.at("param_groups.1.lr").item<double>(), 0.25);
}

TEST(OptimizerStateDict, HoldsCopiesInRowMajorOrder) {
  const Model model;
  SGD optimizer(model.parameters(), {.momentum = 0.9});
  train(model, optimizer, 1, 2);
  const Dict dict = optimizer.state_dict();
  train(model, optimizer, 2, 3);
  EXPECT_EQ(elements(dict.at("state.fc.weight.momentum_buffer")), (std::vector<float>{1, -1, 2, 3, -1}));
}

TEST(OptimizerStateDict, AResumedRunEqualsAnUnbrokenOneBitForBit) {
  const Model model;
  AdamW optimizer = make_optimizer(model);
  train(model, optimizer, 1, 4);
  change_pattern(model.weight, {1, 3, 5, 7, 11});
  optimizer.set_lr(0, 0.03);
  train(model, optimizer, 4, 6);

  const Model resumed = copy(model);
  AdamW other = make_optimizer(resumed);
  other.load_state_dict(optimizer.state_dict());
  train(model, optimizer, 6, 9);
  train(resumed, other, 6, 9);
  EXPECT_EQ(values(resumed.weight), values(model.weight));
  EXPECT_EQ(values(resumed.bias), values(model.bias));
  EXPECT_EQ(other.lr(0), 0.03);
  EXPECT_EQ(other.state(resumed.bias).step(), 8);
}

TEST(OptimizerStateDict, LoadingOneFromBeforeTheFirstStepGoesBackToZeros) {
  const Model model;
  AdamW optimizer = make_optimizer(model);
  const Dict fresh = optimizer.state_dict();
  train(model, optimizer, 1, 3);
  optimizer.load_state_dict(fresh);
  EXPECT_EQ(optimizer.state_bytes(), 0);
  EXPECT_EQ(optimizer.state(model.bias).step(), 0);
  EXPECT_EQ(elements(optimizer.state(model.bias)["exp_avg"]), (std::vector<float>{0, 0, 0}));
}

TEST(OptimizerStateDict, AStateWithRequiresDenseIsSavedInItsDenseShape) {
  const Model model;
  AdamW optimizer = make_optimizer(model);
  optimizer.state(model.weight)["exp_avg"].set_requires_dense();
  train(model, optimizer, 1, 3);
  const Dict dict = optimizer.state_dict();
  EXPECT_EQ(dict.at("state.fc.weight.exp_avg").shape(), (Shape{3, 4}));

  const Model resumed = copy(model);
  AdamW other = make_optimizer(resumed);
  other.state(resumed.weight)["exp_avg"].set_requires_dense();
  other.load_state_dict(dict);
  EXPECT_EQ(elements(other.state(resumed.weight)["exp_avg"]), elements(optimizer.state(model.weight)["exp_avg"]));
}

TEST(OptimizerStateDict, ListsEveryFaultAndChangesNothing) {
  const Model model;
  AdamW optimizer = make_optimizer(model);
  train(model, optimizer, 1, 3);
  const Dict before = optimizer.state_dict();
  Dict dict = before;
  dict.erase("state.fc.bias.exp_avg");
  dict["state.fc.bias.exp_avg_sq"] = Tensor::zeros({4});
  dict["state.fc.weight.exp_avg"] = Tensor::zeros({5}, DType::f64);
  dict["state.fc.weight.step"] = Tensor::from<int64_t>({-1}, {1});
  dict["param_groups.0.lr"] = Tensor::from<double>({std::numeric_limits<double>::quiet_NaN()}, {1});
  dict["param_groups.1.lr"] = Tensor::from<double>({0.5}, {1});
  dict["state.fc.bias.max_exp_avg_sq"] = Tensor::full({3}, 7);
  const std::string message = message_of<FormatError>([&] { optimizer.load_state_dict(dict); });
  for (const char* fault :
       {"'state.fc.bias.exp_avg' is missing", "'state.fc.bias.exp_avg_sq' must be f32 [3], not f32 [4]",
        "'state.fc.weight.exp_avg' must be f32 [5], not f64 [5]", "'state.fc.weight.step' must be 0 or more, not -1",
        "'param_groups.0.lr' must be finite and not negative, not nan", "'param_groups.1.lr' is unexpected"}) {
    EXPECT_NE(message.find(fault), std::string::npos) << fault << " is not in " << message;
  }
  const Dict after = optimizer.state_dict();
  EXPECT_EQ(keys(after), keys(before));
  EXPECT_EQ(elements(after.at("state.fc.bias.max_exp_avg_sq")), elements(before.at("state.fc.bias.max_exp_avg_sq")));
  EXPECT_EQ(after.at("state.fc.weight.step").item<int64_t>(), 2);
  EXPECT_EQ(optimizer.lr(0), 0.1);
}

TEST(OptimizerStateDict, RefusesScalarsOfAnotherType) {
  const Model model;
  SGD optimizer(model.parameters());
  Dict dict = optimizer.state_dict();
  dict["state.fc.bias.step"] = Tensor::zeros({1});
  dict["param_groups.0.lr"] = Tensor::zeros({2}, DType::f64);
  const std::string message = message_of<FormatError>([&] { optimizer.load_state_dict(dict); });
  EXPECT_NE(message.find("'state.fc.bias.step' must be one i64, not f32 [1]"), std::string::npos) << message;
  EXPECT_NE(message.find("'param_groups.0.lr' must be one f64, not f64 [2]"), std::string::npos) << message;
}

TEST(OptimizerStateDict, RefusesStatesOfAnotherPatternWithEquallyManyNonzeros) {
  const Model model;
  AdamW optimizer = make_optimizer(model);
  train(model, optimizer, 1, 3);
  const Model other = copy(model);
  change_pattern(other.weight, {0, 3, 5, 6, 10});
  AdamW other_optimizer = make_optimizer(other);
  const std::string message = message_of<FormatError>([&] { other_optimizer.load_state_dict(optimizer.state_dict()); });
  EXPECT_NE(message.find("state.fc.weight.pattern"), std::string::npos) << message;
  EXPECT_NE(message.find("load the model's state before"), std::string::npos) << message;
}

TEST(OptimizerStateDict, NeedsANameOfItsOwnForEveryParameter) {
  const Parameter a = parameter({1}, "a");
  EXPECT_NE(message_of<StateError>([&] {
              SGD({a, parameter({1}, "a")}).state_dict();
            }).find("two named 'a'"),
            std::string::npos);
  EXPECT_NE(message_of<StateError>([&] {
              SGD({a, parameter({1})}).load_state_dict({});
            }).find("without a name"),
            std::string::npos);
}

}  // namespace
}  // namespace gossamer::optim::test_state_dict
