// Sparsity algorithms on the weights of convolutions: on the kernels for nonzeros, whose gradients for growth are
// formed from x and dY in blocks, they do what they do on the masked dense weight.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gossamer/functional.h"
#include "gossamer/nn/conv.h"
#include "gossamer/nn/module.h"
#include "gossamer/ops.h"
#include "gossamer/optim/sgd.h"
#include "gossamer/sparse/rigl.h"
#include "gossamer/sparse/set.h"
#include "gossamer/sparse/snfs.h"
#include "tests/sparse/support.h"
#include "tests/support/golden.h"

namespace gossamer::sparse::test_conv {
namespace {

using golden::expect_close;
using golden::expect_equal;
using test::mask_string;
using test::uniform;

using MakeAlgorithm = std::function<std::shared_ptr<SparsityAlgorithm>()>;

const std::map<std::string, MakeAlgorithm> kAlgorithms = {
    {"RigL", [] { return std::make_shared<RigL>(RigLOptions{.sparsity = 0.8, .update = {.freq = 2}}); }},
    {"SET", [] { return std::make_shared<SET>(SETOptions{.sparsity = 0.8, .update = {.freq = 2}}); }},
    {"SNFS", [] { return std::make_shared<SNFS>(SNFSOptions{.sparsity = 0.8, .update = {.freq = 2}, .window = 3}); }},
};

// In f64, where both ways choose the same connections.
struct Net : nn::Module {
  nn::Conv2d first, second;
  nn::Conv1d third;

  explicit Net(Generator& rng)
      : first({.in = 3, .out = 8, .kernel = 3, .padding = 1, .dtype = DType::f64}, rng),
        second({.in = 8, .out = 6, .kernel = {3, 2}, .stride = 2, .dtype = DType::f64}, rng),
        third({.in = 6, .out = 5, .kernel = 3, .dtype = DType::f64}, rng) {
    register_module("first", first);
    register_module("second", second);
    register_module("third", third);
  }
  Tensor forward(const Tensor& x) override {
    const Tensor y = second(relu(first(x)));
    return third(reshape(relu(y), {y.dim(0), y.dim(1), -1}));
  }
};

struct Training {
  Generator rng{5};
  Net net{rng};
  std::shared_ptr<SparsityAlgorithm> algorithm;
  optim::SGD optimizer{net.parameters(), {.lr = 0.05, .momentum = 0.9}};

  Training(const MakeAlgorithm& make, Execution execution) : algorithm(make()) {
    net.apply(*algorithm);
    optimizer.apply(*algorithm);
    for (const Parameter& p : weights()) p.set_execution(execution);
  }
  std::vector<Parameter> weights() const { return {net.first.weight(), net.second.weight(), net.third.weight()}; }
  void step(uint64_t number) {
    const Tensor y = net(uniform({4, 3, 9, 8}, number, DType::f64));
    optimizer.zero_grad();
    sum(y * y).backward();
    optimizer.step();
  }
};

TEST(ConvSparsity, EqualsThatOfTheMaskedDenseWeight) {
  for (const auto& [name, make] : kAlgorithms) {
    SCOPED_TRACE(name);
    Training csr(make, Execution::Csr);
    Training dense(make, Execution::Dense);
    std::vector<std::string> first;
    for (const Parameter& p : csr.weights()) first.push_back(mask_string(p));
    for (uint64_t step = 1; step <= 8; ++step) {
      csr.step(step);
      dense.step(step);
      for (size_t i = 0; i < 3; ++i) {
        ASSERT_EQ(mask_string(csr.weights()[i]), mask_string(dense.weights()[i])) << "step " << step;
        expect_close(csr.weights()[i].dense(), dense.weights()[i].dense(), 1e-9, 1e-9);
      }
    }
    for (size_t i = 0; i < 3; ++i) EXPECT_NE(mask_string(csr.weights()[i]), first[i]);
  }
}

TEST(ConvSparsity, IsTakenUpFromASavedStateWithWhatWasRetained) {
  const MakeAlgorithm& make = kAlgorithms.at("SNFS");
  Training unbroken(make, Execution::Csr);
  Training saved(make, Execution::Csr);
  for (uint64_t step = 1; step <= 3; ++step) {
    unbroken.step(step);
    saved.step(step);
  }
  const StateDict state = saved.algorithm->state_dict();
  EXPECT_TRUE(state.contains("retained.third.weight.0.dy"));
  saved.algorithm->load_state_dict(state);
  for (uint64_t step = 4; step <= 6; ++step) {
    unbroken.step(step);
    saved.step(step);
    for (size_t i = 0; i < 3; ++i) {
      ASSERT_EQ(mask_string(saved.weights()[i]), mask_string(unbroken.weights()[i])) << "step " << step;
      expect_equal(saved.weights()[i].dense(), unbroken.weights()[i].dense());
    }
  }
}

}  // namespace
}  // namespace gossamer::sparse::test_conv
