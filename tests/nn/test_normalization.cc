// Layers of normalization: their parameters and buffers, and the modes of batch norm.
#include "gossamer/nn/normalization.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/nn/batch_norm.h"
#include "gossamer/nn/container.h"
#include "gossamer/sparse/configure.h"
#include "tests/nn/support.h"

namespace gossamer::nn::test_normalization {
namespace {

struct Case {
  const char* name;
  std::shared_ptr<Module> layer;
  std::function<Tensor(const Tensor& x, const Tensor& weight, const Tensor& bias)> op;
};

std::vector<Case> cases() {
  constexpr DType kDtype = DType::f64;
  return {
      {"LayerNorm",
       std::make_shared<LayerNorm>(LayerNormOptions{.normalized_shape = {6, 4}, .eps = 0.1, .dtype = kDtype}),
       [](const Tensor& x, const Tensor& w, const Tensor& b) {
         return layer_norm(x, {6, 4}, w, b, {.eps = 0.1});
       }},
      {"RMSNorm", std::make_shared<RMSNorm>(RMSNormOptions{.normalized_shape = {4}, .eps = 0.1, .dtype = kDtype}),
       [](const Tensor& x, const Tensor& w, const Tensor&) { return rms_norm(x, {4}, w, {.eps = 0.1}); }},
      {"GroupNorm",
       std::make_shared<GroupNorm>(GroupNormOptions{.groups = 3, .channels = 6, .eps = 0.1, .dtype = kDtype}),
       [](const Tensor& x, const Tensor& w, const Tensor& b) { return group_norm(x, 3, w, b, {.eps = 0.1}); }},
      {"BatchNorm1d", std::make_shared<BatchNorm1d>(BatchNormNdOptions{.channels = 6, .eps = 0.1, .dtype = kDtype}),
       [](const Tensor& x, const Tensor& w, const Tensor& b) {
         return batch_norm(x, w, b, {.training = true, .eps = 0.1});
       }},
  };
}

TEST(Normalization, OfALayerHasResultsAndGradientsOfItsOperation) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    std::vector<Tensor> own;
    uint64_t key = 2;
    for (const Parameter& p : c.layer->parameters()) {
      p.values().copy_from(uniform(p.shape(), key++, DType::f64));
      own.push_back(p.dense().set_requires_grad());
    }
    own.resize(2);
    Tensor x = uniform({3, 6, 4}, 1, DType::f64).set_requires_grad();
    Tensor same = x.detach().clone().set_requires_grad();
    const Tensor grad = uniform({3, 6, 4}, 5, DType::f64);
    const Tensor y = (*c.layer)(x);
    const Tensor expected = c.op(same, own[0], own[1]);
    y.backward(grad);
    expected.backward(grad);
    expect_equal(y.detach(), expected.detach());
    expect_equal(x.grad(), same.grad());
    for (size_t i = 0; i < c.layer->parameters().size(); ++i) {
      expect_equal(c.layer->parameters()[i].grad(), own[i].grad());
    }
  }
}

TEST(Normalization, HasTheNamesOfPyTorchAndBeginsWithOnesAndZeros) {
  LayerNorm layer({.normalized_shape = {3}});
  EXPECT_EQ(names_of(layer.state_dict()), (Names{"bias", "weight"}));
  expect_equal(layer.weight().dense(), Tensor::ones({3}));
  expect_equal(layer.bias().dense(), Tensor::zeros({3}));
  EXPECT_EQ(names_of(LayerNorm({.normalized_shape = {3}, .bias = false}).state_dict()), Names{"weight"});
  EXPECT_TRUE(LayerNorm({.normalized_shape = {3}, .affine = false}).state_dict().empty());
  EXPECT_EQ(names_of(RMSNorm({.normalized_shape = {3}}).state_dict()), Names{"weight"});
  EXPECT_TRUE(RMSNorm({.normalized_shape = {3}, .affine = false}).state_dict().empty());
  EXPECT_EQ(names_of(GroupNorm({.groups = 1, .channels = 3}).state_dict()), (Names{"bias", "weight"}));
  EXPECT_TRUE(GroupNorm({.groups = 1, .channels = 3, .affine = false}).state_dict().empty());
  const StateDict batch = BatchNorm2d({.channels = 3}).state_dict();
  EXPECT_EQ(names_of(batch), (Names{"bias", "num_batches_tracked", "running_mean", "running_var", "weight"}));
  EXPECT_EQ(batch.at("num_batches_tracked").shape(), Shape());
  EXPECT_EQ(batch.at("num_batches_tracked").dtype(), DType::i64);
  expect_equal(batch.at("running_var"), Tensor::ones({3}));
  EXPECT_EQ(names_of(BatchNorm1d({.channels = 3, .affine = false}).state_dict()),
            (Names{"num_batches_tracked", "running_mean", "running_var"}));
}

// Channel 0 of the batches: 0, 2 and 4, 8; mean 1 and 6, unbiased variance 2 and 8.
TEST(BatchNorm1d, TakesUpTheStatisticsOfBatches) {
  const Tensor first = Tensor::from<float>({0, 2}, {2, 1});
  const Tensor second = Tensor::from<float>({4, 8}, {2, 1});
  for (const bool is_mean_of_all : {false, true}) {
    BatchNorm1d layer(is_mean_of_all ? BatchNormNdOptions{.channels = 1, .momentum = {}}
                                     : BatchNormNdOptions{.channels = 1, .momentum = 0.25});
    layer(first);
    layer(second);
    const float mean = is_mean_of_all ? 3.5F : 0.75F * (0.25F * 1) + 0.25F * 6;
    const float variance = is_mean_of_all ? 5.0F : 0.75F * (0.75F * 1 + 0.25F * 2) + 0.25F * 8;
    expect_close(layer.running_mean(), Tensor::full({1}, mean));
    expect_close(layer.running_var(), Tensor::full({1}, variance));
    EXPECT_EQ(layer.state_dict().at("num_batches_tracked").item<int64_t>(), 2);
  }
}

TEST(BatchNorm1d, InEvaluationUsesTheRunningStatisticsAndOnlyReadsThem) {
  BatchNorm1d layer({.channels = 4});
  layer(uniform({30, 4}, 1));
  layer.eval();
  const StateDict before = layer.state_dict();
  const Tensor x = uniform({3, 4}, 2);
  const Tensor all = layer(x);
  for (int64_t row = 0; row < 3; ++row)
    expect_equal(layer(x.alias({1, 4}, 4 * row)), all.detach().alias({1, 4}, 4 * row));
  std::vector<Tensor> results(4);
  std::vector<std::thread> threads;
  for (Tensor& result : results) {
    threads.emplace_back([&] {
      const NoGrad no_grad;
      result = layer(x);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Tensor& result : results) expect_equal(result, all.detach());
  for (const auto& [name, tensor] : layer.state_dict()) expect_equal(tensor, before.at(name));
}

TEST(BatchNorm2d, RestoresItsBuffersFromAStateDict) {
  BatchNorm2d from({.channels = 2});
  BatchNorm2d to({.channels = 2});
  from(uniform({4, 2, 3, 3}, 1));
  to.load_state_dict(from.state_dict());
  const Tensor x = uniform({4, 2, 3, 3}, 2);
  from(x);
  to(x);
  for (const auto& [name, tensor] : to.state_dict()) expect_equal(tensor, from.state_dict().at(name));
  EXPECT_EQ(to.state_dict().at("num_batches_tracked").item<int64_t>(), 2);
}

TEST(BatchNorm, KeepsItsBuffersWhereItThrows) {
  BatchNorm1d layer({.channels = 2});
  const StateDict before = layer.state_dict();
  for (const Shape& shape : {Shape{1, 2}, Shape{4, 3}, Shape{4}, Shape{4, 2, 3, 3}}) {
    EXPECT_THROW(layer(Tensor::ones(shape)), ShapeError) << shape.to_string();
  }
  EXPECT_THROW(layer(Tensor::ones({4, 2}, DType::f64)), DTypeError);
  EXPECT_THROW(layer(Tensor()), StateError);
  for (const auto& [name, tensor] : layer.state_dict()) expect_equal(tensor, before.at(name));
  EXPECT_THROW(BatchNorm2d({.channels = 2})(Tensor::ones({4, 2})), ShapeError);
}

TEST(Normalization, RefusesOptionsOutOfRange) {
  EXPECT_THROW(LayerNorm({.normalized_shape = {}}), ConfigError);
  EXPECT_THROW(LayerNorm({.normalized_shape = {3, 0}}), ConfigError);
  EXPECT_THROW(LayerNorm({.normalized_shape = {3}, .eps = -1}), ConfigError);
  EXPECT_THROW(LayerNorm({.normalized_shape = {3}, .dtype = DType::i64}), DTypeError);
  EXPECT_THROW(RMSNorm({.normalized_shape = {3}, .eps = -1}), ConfigError);
  EXPECT_THROW(GroupNorm({.groups = 2, .channels = 3}), ConfigError);
  EXPECT_THROW(GroupNorm({.groups = 0, .channels = 3}), ConfigError);
  EXPECT_THROW(GroupNorm({.groups = 1}), ConfigError);
  EXPECT_THROW(GroupNorm({.groups = 1, .channels = 3})(Tensor::ones({2, 4})), ShapeError);
  EXPECT_THROW(BatchNorm1d({.channels = 0}), ConfigError);
  EXPECT_THROW(BatchNorm1d({.channels = 3, .momentum = 1.5}), ConfigError);
  EXPECT_THROW(BatchNorm2d({.channels = 3, .dtype = DType::boolean}), DTypeError);
}

TEST(Normalization, IsLeftAloneBySparsityWithoutAFilterAndTakesCsrWeightsOtherwise) {
  Generator rng(1);
  Sequential model(named("fc", Linear({.in = 12, .out = 12}, rng)),
                   named("norm", LayerNorm({.normalized_shape = {3, 12}})));
  auto algorithm = sparse::configure(Config(0.5));
  model.apply(algorithm);
  const auto parameters = model.named_parameters();
  EXPECT_TRUE(parameters[0].second.is_csr());
  EXPECT_FALSE(parameters[2].second.is_csr());

  LayerNorm layer({.normalized_shape = {2, 3}});
  const Tensor x = uniform({5, 2, 3}, 1);
  make_csr(layer.weight(), {0, 4});
  const Tensor dense = layer.weight().dense().set_requires_grad();
  const Tensor y = layer(x);
  const Tensor expected = layer_norm(x, {2, 3}, dense);
  expect_equal(y.detach(), expected.detach());
  sum(y).backward();
  sum(expected).backward();
  EXPECT_EQ(layer.weight().canonical_grad().data<float>()[1], dense.grad().data<float>()[4]);
}

}  // namespace
}  // namespace gossamer::nn::test_normalization
