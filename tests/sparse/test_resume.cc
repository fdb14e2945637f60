// A resumed run equals an unbroken one, bit for bit: for each algorithm, saved before, at and after an update step.
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/nn/activation.h"
#include "gossamer/nn/container.h"
#include "gossamer/nn/linear.h"
#include "gossamer/ops.h"
#include "gossamer/optim/adam.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/sparse/gmp.h"
#include "gossamer/sparse/group.h"
#include "gossamer/sparse/rigl.h"
#include "gossamer/sparse/set.h"
#include "gossamer/sparse/static.h"
#include "tests/sparse/support.h"
#include "tests/support/golden.h"

namespace gossamer::sparse::test_resume {
namespace {

using golden::expect_equal;
using test::contains;
using test::dense_parameter;
using test::set_dense_gradient;
using test::uniform;

struct Kind {
  std::string name;
  std::function<std::unique_ptr<SparsityAlgorithm>()> make;
};

template <class A, class Options>
Kind kind(std::string name, Options options) {
  return {std::move(name), [options] { return std::make_unique<A>(options); }};
}

std::vector<Kind> kinds() {
  const UpdateSchedule update{.freq = 3};
  return {
      kind<Static>("Static", StaticOptions{.sparsity = 0.6}),
      kind<GMP>("GMP", GMPOptions{.sparsity = Linear{.init = 0.1, .slope = 0.05}, .update = update}),
      kind<GMP>("GMPCycling", GMPOptions{.sparsity = {0.2, 0.7, 0.0}, .update = update}),
      kind<GMP>("GMPDenseStart", GMPOptions{.sparsity = Cubic{.init = 0, .final = 0.9, .start = 3, .end = 12},
                                            .update = {.freq = 3, .start = 3}}),
      kind<SET>(
          "SET",
          SETOptions{
              .sparsity = 0.6, .drop_fraction = Cosine{.init = 0.5, .half_period = 12}, .update = update, .seed = 7}),
      kind<SET>("SETCyclingDrop", SETOptions{.sparsity = 0.6, .drop_fraction = {0.1, 0.5, 0.9}, .update = update}),
      kind<RigL>(
          "RigL",
          RigLOptions{.sparsity = 0.6, .drop_fraction = Cosine{.init = 0.5, .half_period = 12}, .update = update}),
      {"RigLBalanced",
       [update] {
         const RigLOptions options{
             .sparsity = {0.6, 0.4}, .drop_fraction = 0.5, .update = update, .balance_out_groups = 2};
         return std::make_unique<Group>(Group{{"*.weight", RigL(options)}});
       }},
      {"Group",
       [update] {
         return std::make_unique<Group>(Group{
             {"fc1.*", RigL({.sparsity = 0.6, .update = update})},
             {"fc2.weight", GMP({.sparsity = Linear{.init = 0, .slope = 0.05}, .update = {.freq = 2, .start = 1}})}});
       }},
  };
}

// A network in training; the seed makes its initial values.
struct Training {
  nn::Sequential model;
  optim::AdamW optimizer;
  std::unique_ptr<SparsityAlgorithm> sparsity;

  Training(const Kind& kind, uint64_t seed)
      : model(make_model(seed)), optimizer(model.parameters(), {.lr = 0.02}), sparsity(kind.make()) {
    model.apply(*sparsity);
    optimizer.apply(*sparsity);
  }

  static nn::Sequential make_model(uint64_t seed) {
    Generator rng(seed);
    return nn::Sequential{nn::named("fc1", nn::Linear({.in = 12, .out = 20}, rng)), nn::ReLU(),
                          nn::named("fc2", nn::Linear({.in = 20, .out = 4}, rng))};
  }

  // Steps [begin, end), two micro-batches each.
  void train(uint64_t begin, uint64_t end) {
    const Tensor labels = Tensor::from<int64_t>({0, 1, 2, 3, 0, 1, 2, 3}, {8});
    for (uint64_t step = begin; step < end; ++step) {
      optimizer.zero_grad();
      for (uint64_t micro = 0; micro < 2; ++micro) {
        cross_entropy(model(uniform({8, 12}, 1000 * step + micro)), labels).backward();
      }
      optimizer.step();
    }
  }
};

void expect_same(const StateDict& a, const StateDict& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [key, tensor] : a) {
    SCOPED_TRACE(key);
    ASSERT_TRUE(b.contains(key));
    expect_equal(tensor, b.at(key));
  }
}

class Resume : public testing::TestWithParam<Kind> {};

TEST_P(Resume, EqualsAnUnbrokenRunBitForBit) {
  constexpr uint64_t kSteps = 14;
  Training unbroken(GetParam(), 1);
  unbroken.train(0, kSteps);
  // Steps 3, 6, ... update: saved just before, at and just after one, and before any.
  for (const uint64_t saved_after : {0, 5, 6, 7}) {
    SCOPED_TRACE(testing::Message() << "saved after step " << saved_after);
    Training first(GetParam(), 1);
    first.train(0, saved_after);
    const auto model = first.model.state_dict();
    const auto optimizer = first.optimizer.state_dict();
    const auto sparsity = first.sparsity->state_dict();

    Training second(GetParam(), 2);
    second.model.load_state_dict(model);
    second.optimizer.load_state_dict(optimizer);
    second.sparsity->load_state_dict(sparsity);
    second.train(saved_after, kSteps);
    expect_same(second.model.state_dict(), unbroken.model.state_dict());
    expect_same(second.optimizer.state_dict(), unbroken.optimizer.state_dict());
    expect_same(second.sparsity->state_dict(), unbroken.sparsity->state_dict());
  }
}

INSTANTIATE_TEST_SUITE_P(, Resume, testing::ValuesIn(kinds()), [](const auto& test) { return test.param.name; });

SET every_second_step() { return SET({.sparsity = 0.5, .drop_fraction = 0.5, .update = {.freq = 2}}); }

StateDict state_of(int64_t step, int64_t updates) {
  return {{"optimizers.0.step", Tensor::from<int64_t>({step}, Shape{})},
          {"optimizers.0.updates", Tensor::from<int64_t>({updates}, Shape{})}};
}

TEST(AlgorithmStateDict, CountsStepsAndUpdatesOfEachOptimizerInTheOrderOfApplication) {
  const Parameter a = dense_parameter("a", {4, 4}, 1);
  const Parameter b = dense_parameter("b", {4, 4}, 2);
  SET algorithm = every_second_step();
  algorithm.apply({a, b});
  optim::SGD of_b({b}, {.lr = 0.1});
  optim::SGD of_a({a}, {.lr = 0.1});
  of_a.apply(algorithm);
  of_b.apply(algorithm);
  for (int i = 0; i < 5; ++i) of_a.step();
  of_b.step();
  const auto value = [state = algorithm.state_dict()](const char* key) { return state.at(key).item<int64_t>(); };
  EXPECT_EQ(value("optimizers.0.step"), 5);
  EXPECT_EQ(value("optimizers.0.updates"), 2);
  EXPECT_EQ(value("optimizers.1.step"), 1);
  EXPECT_EQ(value("optimizers.1.updates"), 0);
}

TEST(AlgorithmStateDict, OfOneOptimizerMayComeBeforeThatOptimizerIsApplied) {
  const Parameter p = dense_parameter("w", {4, 4}, 3);
  SET algorithm = every_second_step();
  algorithm.apply({p});
  algorithm.load_state_dict(state_of(5, 2));
  optim::SGD optimizer({p}, {.lr = 0.1});
  optimizer.apply(algorithm);
  EXPECT_EQ(algorithm.state_dict().at("optimizers.0.step").item<int64_t>(), 5);
  EXPECT_EQ(algorithm.state_dict().at("optimizers.0.updates").item<int64_t>(), 2);
}

TEST(AlgorithmStateDict, ListsEveryFaultAndChangesNothing) {
  const Parameter p = dense_parameter("w", {4, 4}, 4);
  SET algorithm = every_second_step();
  EXPECT_THROW(algorithm.load_state_dict(state_of(1, 0)), StateError);
  algorithm.apply({p});
  algorithm.load_state_dict(state_of(4, 2));
  const StateDict before = algorithm.state_dict();
  const auto refuse = [&](const StateDict& state, const std::vector<std::string>& parts) {
    const std::string message = message_of<FormatError>([&] { algorithm.load_state_dict(state); });
    for (const std::string& part : parts) EXPECT_TRUE(contains(message, part));
    expect_same(algorithm.state_dict(), before);
  };
  refuse({}, {"'optimizers.0.step' is missing", "'optimizers.0.updates' is missing"});
  refuse(state_of(-1, 0), {"'optimizers.0.step' must be from 0 to 9007199254740992, not -1"});
  refuse(state_of(std::numeric_limits<int64_t>::max(), 0), {"'optimizers.0.step' must be from 0 to 9007199254740992"});
  refuse(state_of(2, 3), {"'optimizers.0.updates' must be from 0 to 2, not 3"});
  StateDict state = state_of(1, 0);
  state["optimizers.1.step"] = state["optimizers.0.step"];
  refuse(state, {"'optimizers.1.step' is unexpected"});
  state = state_of(1, 0);
  state["optimizers.0.step"] = Tensor::from<float>({1}, Shape{});
  refuse(state, {"'optimizers.0.step' must be one i64"});
}

TEST(AlgorithmStateDict, OfAGroupIsTakenUpByAllItsAlgorithmsOrByNone) {
  const auto group_of = [] { return Group{{"a", every_second_step()}, {"b", every_second_step()}}; };
  Group group = group_of();
  group.apply({dense_parameter("a", {4, 4}, 5), dense_parameter("b", {4, 4}, 6)});
  group.update();
  StateDict state = group.state_dict();
  EXPECT_EQ(state.size(), 8U);
  EXPECT_EQ(state.at("algorithms.1.optimizers.0.step").item<int64_t>(), 1);
  const StateDict before = group.state_dict();
  state["algorithms.0.optimizers.0.step"] = Tensor::from<int64_t>({9}, Shape{});
  state["algorithms.1.optimizers.0.step"] = Tensor::from<int64_t>({-9}, Shape{});
  EXPECT_THROW(group.load_state_dict(state), FormatError);
  expect_same(group.state_dict(), before);
  state["algorithms.2.optimizers.0.step"] = Tensor::from<int64_t>({9}, Shape{});
  EXPECT_TRUE(contains(message_of<FormatError>([&] { group.load_state_dict(state); }), "algorithms.2."));
  expect_same(group.state_dict(), before);
}

}  // namespace
}  // namespace gossamer::sparse::test_resume
