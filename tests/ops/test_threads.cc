// Results and gradients are the same bits for any number of threads.
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "gossamer/ops.h"
#include "gossamer/runtime.h"
#include "tests/support/tensors.h"

namespace gossamer::test_threads {
namespace {

// The bits of the result of fn and of the gradients of its inputs, one tensor after the other.
std::vector<std::vector<uint32_t>> run(int threads, const std::vector<Tensor>& inputs,
                                       const std::function<Tensor(const std::vector<Tensor>&)>& fn) {
  std::vector<std::vector<uint32_t>> all;
  with_threads(threads, [&] {
    std::vector<Tensor> leaves;
    for (const Tensor& x : inputs) leaves.push_back(x.clone().set_requires_grad());
    const Tensor result = fn(leaves);
    result.backward(uniform(result.shape(), 77, DType::f32));
    for (const Tensor& x : leaves) all.push_back(to_bits(x.grad()));
    all.push_back(to_bits(result));
  });
  return all;
}

void expect_same_bits(const std::vector<Tensor>& inputs, const std::function<Tensor(const std::vector<Tensor>&)>& fn) {
  const auto one = run(1, inputs, fn);
  for (const int threads : {2, 3, 8}) EXPECT_TRUE(run(threads, inputs, fn) == one) << threads << " threads";
}

using In = const std::vector<Tensor>&;

TEST(Threads, GiveTheSameElementwiseBits) {
  expect_same_bits(
      {uniform({300, 200}, 1, DType::f32), uniform({200}, 2, DType::f32), uniform({300, 1}, 3, DType::f32)},
      [](In x) { return dropout(relu(div(add(mul(x[0], x[1]), x[2]), add_scalar(x[1], 3))), 0.3, 5); });
}

TEST(Threads, GiveTheSameFunctionBits) {
  const Tensor x = uniform({300, 201}, 1, DType::f32, -3, 3);
  const Tensor row = uniform({201}, 2, DType::f32, 0.5, 2);
  for (Tensor (*f)(const Tensor&) : {exp, expm1, abs, sin, cos, tanh, sigmoid, silu}) {
    expect_same_bits({x}, [f](In in) { return f(in[0]); });
  }
  for (Tensor (*f)(const Tensor&) : {log, log1p, sqrt, rsqrt}) {
    expect_same_bits({x}, [f](In in) { return f(add_scalar(abs(in[0]), 0.1)); });
  }
  expect_same_bits({x}, [](In in) { return gelu(in[0]); });
  expect_same_bits({x}, [](In in) { return gelu(in[0], {.approximate = GeluApproximation::Tanh}); });
  expect_same_bits({x}, [](In in) { return leaky_relu(in[0]); });
  expect_same_bits({x}, [](In in) { return pow(in[0], 3); });
  expect_same_bits({x, row}, [](In in) { return pow(in[1], in[0]); });
  expect_same_bits({x, row}, [](In in) { return minimum(maximum(in[0], in[1]), in[1]); });
  expect_same_bits({x}, [](In in) { return clamp(in[0], {.min = -1, .max = 1}); });
  expect_same_bits({x, row}, [](In in) { return where(lt(in[0], in[1]), in[0], in[1]); });
}

TEST(Threads, GiveTheSameReductionBits) {
  const Tensor x = uniform({70, 50, 40}, 1, DType::f32);
  expect_same_bits({x}, [](In in) { return sum(in[0]); });
  expect_same_bits({x}, [](In in) { return mean(in[0], {.dims = {0, 2}}); });
  expect_same_bits({x}, [](In in) { return sum(in[0], {.dims = {0}}); });
  expect_same_bits({x}, [](In in) { return max(transpose(in[0], 0, 2), {.dims = {1}}); });
}

TEST(Threads, GiveTheSameProductBits) {
  expect_same_bits(
      {uniform({128, 300}, 1, DType::f32), uniform({400, 300}, 2, DType::f32), uniform({400}, 3, DType::f32)},
      [](In x) { return linear(x[0], x[1], x[2]); });
  expect_same_bits({uniform({6, 30, 70}, 1, DType::f32), uniform({6, 70, 90}, 2, DType::f32)},
                   [](In x) { return matmul(x[0], x[1]); });
}

TEST(Threads, GiveTheSameClassificationBits) {
  std::vector<int64_t> targets;
  for (int64_t i = 0; i < 500; ++i) targets.push_back(i % 37);
  const Tensor t = Tensor::from(targets, {500});
  expect_same_bits({uniform({500, 37}, 1, DType::f32)},
                   [&](In x) { return add(cross_entropy(x[0], t), sum(softmax(log_softmax(x[0]), 0))); });
}

}  // namespace
}  // namespace gossamer::test_threads
