// Cloneable: a clone equals its original in every flag, and shares nothing with it.
#include <cstring>
#include <memory>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include "gossamer/nn/container.h"
#include "gossamer/nn/dropout.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/sparse/static.h"
#include "tests/nn/layer_samples.h"
#include "tests/nn/support.h"

namespace gossamer::nn::test_clone {
namespace {

void expect_same_bits(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.shape(), b.shape());
  ASSERT_EQ(a.dtype(), b.dtype());
  const auto bytes = [](const Tensor& t) -> const void* {
    if (t.dtype() == DType::f32) return t.data<float>();
    return t.dtype() == DType::f64 ? static_cast<const void*>(t.data<double>()) : t.data<int64_t>();
  };
  EXPECT_EQ(std::memcmp(bytes(a), bytes(b), static_cast<size_t>(a.bytes())), 0);
}

// All that can be asked of a parameter.
void expect_equal_parameters(const Parameter& copy, const Parameter& original) {
  SCOPED_TRACE(original.name());
  EXPECT_NE(copy.id(), original.id());
  EXPECT_FALSE(copy.values().shares_storage_with(original.values()));
  EXPECT_EQ(copy.shape(), original.shape());
  expect_same_bits(copy.values(), original.values());
  ASSERT_EQ(copy.is_csr(), original.is_csr());
  if (copy.is_csr()) {
    EXPECT_EQ(*copy.pattern(), *original.pattern());
    ASSERT_EQ(copy.forward_pattern() != nullptr, original.forward_pattern() != nullptr);
    if (copy.forward_pattern()) {
      EXPECT_EQ(*copy.forward_pattern(), *original.forward_pattern());
    }
  }
  EXPECT_EQ(copy.requires_grad(), original.requires_grad());
  EXPECT_EQ(copy.requires_dense(), original.requires_dense());
  EXPECT_EQ(copy.execution(), original.execution());
  EXPECT_EQ(copy.last_change().changes, original.last_change().changes);
  EXPECT_EQ(copy.last_change().grown, original.last_change().grown);
  EXPECT_FALSE(copy.grad().defined());
}

// All that can be asked of a module. The original stands alone, so that its names begin with its own children.
void expect_equal_modules(Module& copy, Module& original) {
  const auto copies = copy.named_parameters();
  const auto originals = original.named_parameters();
  ASSERT_EQ(names_of(copies), names_of(originals));
  for (size_t i = 0; i < copies.size(); ++i) {
    EXPECT_EQ(copies[i].second.name(), originals[i].second.name());
    expect_equal_parameters(copies[i].second, originals[i].second);
  }
  const auto buffers = copy.named_buffers();
  ASSERT_EQ(names_of(buffers), names_of(original.named_buffers()));
  for (size_t i = 0; i < buffers.size(); ++i) {
    EXPECT_FALSE(buffers[i].second.shares_storage_with(original.named_buffers()[i].second));
    expect_same_bits(buffers[i].second, original.named_buffers()[i].second);
  }
  const auto modules = copy.named_modules();
  ASSERT_EQ(names_of(modules), names_of(original.named_modules()));
  for (size_t i = 0; i < modules.size(); ++i) {
    EXPECT_EQ(modules[i].second->training(), original.named_modules()[i].second->training()) << modules[i].first;
  }
}

TEST(Clone, EqualsItsOriginalInEveryFlagOfEveryParameter) {
  Net net = make_net(1);
  make_csr(net.fc1.weight(), {0, 5, 11});
  net.fc1.weight().set_forward_pattern(CsrPattern::from_positions(3, 4, std::vector<int64_t>{5}));
  net.fc1.weight().set_execution(Execution::Dense);
  make_csr(net.fc1.bias(), {1});
  net.fc2.requires_dense();
  net.fc2.weight().set_execution(Execution::Csr);
  net.fc2.bias().set_requires_grad(false);
  net.fc1.eval();
  net.scale.fill(3);
  sum(net(uniform({2, 4}, 1))).backward();

  const auto copy = net.clone();
  expect_equal_modules(*copy, net);
  const Tensor x = uniform({3, 4}, 5);
  const Tensor y = net(x);
  expect_equal((*copy)(x), y);
  for (const Parameter& p : copy->parameters()) p.values().fill(0);
  for (auto& [name, buffer] : copy->named_buffers()) buffer.fill(0);
  expect_equal(net(x), y);
}

class CloneOf : public testing::TestWithParam<LayerSample> {};

TEST_P(CloneOf, EqualsItsOriginal) {
  const DType dtype = DType::f32;
  const auto original = GetParam().make(dtype);
  const Module& type = *original;
  const Tensor x = GetParam().input(dtype);
  (*original)(x);  // moves a Dropout on, and statistics
  for (const bool training : {true, false}) {
    original->train(training);
    const auto copy = original->clone();
    const Module& clone = *copy;
    EXPECT_TRUE(typeid(clone) == typeid(type));
    expect_equal_modules(*copy, *original);
    expect_equal((*copy)(x), (*original)(x));
  }
}

INSTANTIATE_TEST_SUITE_P(Layers, CloneOf, testing::ValuesIn(layer_samples()), name_of_layer);

TEST(Clone, OfALayerMadeSparseLaterKeepsItsPattern) {
  Net net = make_net(1);
  sparse::Static algorithm(0.5);
  net.apply(algorithm);
  const auto copy = net.clone();
  expect_equal_modules(*copy, net);
}

TEST(Clone, OfAHugeCsrLayerTakesNoDenseForm) {
  // Dense it would take 4 TiB.
  constexpr int64_t kSize = int64_t{1} << 20;
  Generator rng(1);
  Linear layer({.in = kSize, .out = kSize, .bias = false, .sparsity = 1 - 1.0 / (1 << 22)}, rng);
  const auto copy = layer.clone();
  EXPECT_EQ(*copy->parameters()[0].pattern(), *layer.weight().pattern());
}

TEST(Clone, IsRefusedWhereTheNewModuleHasOtherNames) {
  struct Grown : Cloneable<Grown> {
    using Module::register_buffer;
  };
  Grown module;
  module.register_buffer("late", Tensor::ones({1}));
  EXPECT_THROW((void)module.clone(), StateError);
}

TEST(Clone, CopiesNoStateIntoParametersOfAnOptimizer) {
  struct Open : Net {
    using Module::copy_state_from;
    using Net::Net;
  };
  Generator rng(1);
  Open to(rng);
  optim::SGD optimizer(to.parameters(), {.lr = 0.1, .momentum = 0.9});
  sum(to(uniform({2, 4}, 1))).backward();
  optimizer.step();
  const Tensor before = to.fc1.weight().dense();
  EXPECT_THROW(to.copy_state_from(make_net(2)), StateError);
  expect_equal(to.fc1.weight().dense(), before);
}

}  // namespace
}  // namespace gossamer::nn::test_clone
