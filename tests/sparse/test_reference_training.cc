// Twelve steps of training a small network with each algorithm, against the reference vectors: losses, every mask, and
// the final parameters.
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gossamer/functional.h"
#include "gossamer/ops.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/parameter.h"
#include "tests/sparse/reference.h"
#include "tests/sparse/support.h"
#include "tests/support/golden.h"

namespace gossamer::sparse::test_reference_training {
namespace {

using golden::expect_close;
using golden::Json;
using golden::tensor_from_values;
using test::mask_string;

class ReferenceTraining : public testing::TestWithParam<Json> {};

TEST_P(ReferenceTraining, LossesMasksAndFinalParametersAreEqual) {
  const Json& run = GetParam();
  const std::map<std::string, Shape> shapes{
      {"fc1.weight", {6, 8}}, {"fc1.bias", {6}}, {"fc2.weight", {3, 6}}, {"fc2.bias", {3}}};
  std::map<std::string, Parameter> net;
  std::vector<Parameter> parameters;
  for (const char* name : {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}) {
    net[name] = Parameter(tensor_from_values(run.at("params0").at(name), shapes.at(name)), name);
    parameters.push_back(net[name]);
  }
  const std::vector<std::string> sparse_names{"fc1.weight", "fc2.weight"};
  const auto scores = [&](const Json& lists) {
    std::map<std::string, Tensor> by_name;
    // A dense start draws none.
    for (size_t i = 0; i < lists.size(); ++i) {
      by_name[sparse_names[i]] = tensor_from_values(lists.at(i), shapes.at(sparse_names[i]));
    }
    return by_name;
  };
  const Json& steps = run.at("steps");
  const auto growth_scores = [&](const SparseParameter& p, int64_t step) {
    return scores(steps.at(static_cast<size_t>(step - 1)).at("rand_scores")).at(p.name());
  };
  const Json& config = run.at("config");
  const auto algorithm = test::algorithm_from(
      config, test::init_by_scores(config, scores(run.at("init_rand_scores_in_param_order"))), growth_scores);
  optim::SGD optimizer(parameters, {.lr = run.at("lr"), .momentum = run.at("momentum")});
  algorithm->apply({net["fc1.weight"], net["fc2.weight"]});
  algorithm->apply(optimizer);
  for (const std::string& name : sparse_names) {
    ASSERT_EQ(mask_string(net[name]), run.at("mask0").at(name).get<std::string>()) << name;
  }

  const Tensor x = tensor_from_values(run.at("x"), {20, 8});
  const Tensor y = tensor_from_values(run.at("y"), {20}, DType::i64);
  int64_t step = 0;
  for (const Json& expected : steps) {
    SCOPED_TRACE(testing::Message() << "step " << step);
    const int64_t batch = 5 * (step++ % 4);
    const Tensor hidden = relu(linear(slice(x, batch, batch + 5), net["fc1.weight"], net["fc1.bias"]));
    const Tensor loss = cross_entropy(linear(hidden, net["fc2.weight"], net["fc2.bias"]), slice(y, batch, batch + 5));
    EXPECT_NEAR(loss.item<float>(), expected.at("loss"), 1e-5 * expected.at("loss").get<double>());
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    for (const std::string& name : sparse_names) {
      ASSERT_EQ(mask_string(net[name]), expected.at("mask").at(name).get<std::string>()) << name;
    }
  }
  for (const auto& [name, parameter] : net) {
    SCOPED_TRACE(name);
    expect_close(parameter.dense(), tensor_from_values(run.at("final_params").at(name), shapes.at(name)), 1e-4, 1e-6);
  }
}

std::vector<Json> runs() {
  std::vector<Json> cases;
  const Json file = golden::load("cstorch_train.json");
  for (const Json& run : file.at("cases")) {
    cases.push_back(run);
  }
  return cases;
}

TEST(ReferenceTrainings, AreAllCompared) { EXPECT_EQ(runs().size(), 6U); }

INSTANTIATE_TEST_SUITE_P(Cstorch, ReferenceTraining, testing::ValuesIn(runs()), [](const auto& test) {
  return test.param.at("id").template get<std::string>().substr(std::string("train.").size());
});

}  // namespace
}  // namespace gossamer::sparse::test_reference_training
