// A module that was moved from answers nothing.
#include <string>
#include <utility>

#include "gossamer/gossamer.h"
#include "tests/nn/layer_samples.h"
#include "tests/nn/support.h"

namespace gossamer::nn::test_moved {
namespace {

const std::string kMessage = "Module: the module must hold its parts; it was moved from; use the one it was moved to";

template <class F>
void expect_moved(F&& f) {
  EXPECT_EQ(message_of<StateError>(std::forward<F>(f)), kMessage);
}

class Moved : public testing::TestWithParam<LayerSample> {};

TEST_P(Moved, LeavesAModuleOfWhichEveryUseIsAStateError) {
  const DType dtype = DType::f32;
  const Tensor x = GetParam().input(dtype);
  const SampledLayer from = GetParam().make(dtype);
  from->eval();
  const Tensor y = (*from)(x);
  const auto to = from.move(*from);
  expect_equal((*to)(x), y);
  expect_moved([&] { (*from)(x); });
  expect_moved([&] { (void)from->clone(); });
  expect_moved([&] { (void)from->parameters(); });
  expect_moved([&] { (void)from->state_dict(); });
  expect_moved([&] { from->load_state_dict(to->state_dict()); });
  expect_moved([&] { from->eval(); });
  expect_moved([&] { freeze(*from); });
}

INSTANTIATE_TEST_SUITE_P(Layers, Moved, testing::ValuesIn(layer_samples()), name_of_layer);

// NOLINTBEGIN(bugprone-use-after-move): that is what is tested
TEST(MovedFrom, ContainersHaveNoPartsAndTakeNone) {
  Generator rng(1);
  Sequential model{named("fc", Linear({.in = 3, .out = 2}, rng))};
  const Sequential to = std::move(model);
  expect_moved([&] { (void)model[0]; });
  expect_moved([&] { (void)model["fc"]; });
  expect_moved([&] { model.append(ReLU()); });

  ModuleList list;
  list.append(ReLU());
  const ModuleList other = std::move(list);
  expect_moved([&] { (void)list[0]; });
  expect_moved([&] { (void)list.clone(); });
  expect_moved([&] { list.append(ReLU()); });
}

TEST(MovedFrom, LayersRefuseTheirOtherWaysForward) {
  Generator rng(1);
  const Tensor x = uniform({1, 2, 4}, 2);
  MultiheadAttention attention({.dim = 4, .causal = true}, rng);
  KeyValueCache cache = attention.make_cache(1, 2);
  const MultiheadAttention attention_to = std::move(attention);
  expect_moved([&] { attention.attend(x, x); });
  expect_moved([&] { attention.forward(x, cache); });
  expect_moved([&] { (void)attention.make_cache(1, 2); });

  TransformerBlock block({.dim = 4, .causal = true}, rng);
  const TransformerBlock block_to = std::move(block);
  expect_moved([&] { block.forward(x, cache); });
  expect_moved([&] { (void)block.make_cache(1, 2); });
}

TEST(MovedFrom, AModuleOfTheApplicationRefusesToBeCalled) {
  struct Twice : Module {
    Tensor forward(const Tensor& x) override { return add(x, x); }
  };
  Twice module;
  Twice to = std::move(module);
  EXPECT_EQ(to(Tensor::ones({1})).item<float>(), 2);
  expect_moved([&] { module(Tensor::ones({1})); });
}
// NOLINTEND(bugprone-use-after-move)

TEST(MovedFrom, AModuleThatIsAssignedToAnswersAgain) {
  Generator rng(1);
  Linear layer({.in = 3, .out = 2}, rng);
  Linear to = std::move(layer);
  const Tensor x = uniform({2, 3}, 2);
  const Tensor y = to(x);
  layer = std::move(to);
  expect_equal(layer(x), y);
}

}  // namespace
}  // namespace gossamer::nn::test_moved
