// The gradient of every operation against central differences in f64.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/gradcheck.h"
#include "gossamer/ops.h"
#include "tests/support/tensors.h"

namespace gossamer::test_gradients {
namespace {

using Inputs = std::span<const Tensor>;

struct GradientCase {
  std::string name;
  std::function<Tensor(Inputs)> fn;
  std::vector<Tensor> inputs;
};

void PrintTo(const GradientCase& c, std::ostream* os) { *os << c.name; }

std::vector<GradientCase> elementwise_cases() {
  // Divisors stay away from 0.
  const Tensor divisor = uniform({2, 3, 4}, 3, DType::f64, 0.5, 2);
  const Tensor divisor_row = uniform({4}, 4, DType::f64, -2, -0.5);
  return {
      {"add", [](Inputs x) { return add(x[0], x[1]); }, {uniform({2, 3}, 1), uniform({2, 3}, 2)}},
      {"add_row", [](Inputs x) { return add(x[0], x[1]); }, {uniform({2, 3, 4}, 1), uniform({4}, 2)}},
      {"add_outer", [](Inputs x) { return add(x[0], x[1]); }, {uniform({3, 1}, 1), uniform({1, 4}, 2)}},
      {"add_middle", [](Inputs x) { return add(x[0], x[1]); }, {uniform({2, 1, 4}, 1), uniform({5, 1, 3, 1}, 2)}},
      {"add_scalar_tensor", [](Inputs x) { return add(x[0], x[1]); }, {uniform({}, 1), uniform({3, 2}, 2)}},
      {"add_to_itself", [](Inputs x) { return add(x[0], x[0]); }, {uniform({3}, 1)}},
      {"sub", [](Inputs x) { return sub(x[0], x[1]); }, {uniform({2, 3}, 1), uniform({2, 3}, 2)}},
      {"sub_column", [](Inputs x) { return sub(x[0], x[1]); }, {uniform({3, 1}, 1), uniform({2, 3, 4}, 2)}},
      {"mul", [](Inputs x) { return mul(x[0], x[1]); }, {uniform({2, 3}, 1), uniform({2, 3}, 2)}},
      {"mul_row", [](Inputs x) { return mul(x[0], x[1]); }, {uniform({2, 3, 4}, 1), uniform({4}, 2)}},
      {"square", [](Inputs x) { return mul(x[0], x[0]); }, {uniform({3, 2}, 1)}},
      {"div", [](Inputs x) { return div(x[0], x[1]); }, {uniform({2, 3, 4}, 1), divisor}},
      {"div_by_row", [](Inputs x) { return div(x[0], x[1]); }, {uniform({2, 3, 4}, 1), divisor_row}},
      {"div_of_row", [](Inputs x) { return div(x[0], x[1]); }, {uniform({4}, 1), divisor}},
      {"neg", [](Inputs x) { return neg(x[0]); }, {uniform({5}, 1)}},
      {"add_scalar", [](Inputs x) { return add_scalar(x[0], 3); }, {uniform({5}, 1)}},
      {"mul_scalar", [](Inputs x) { return mul_scalar(x[0], -1.5); }, {uniform({5}, 1)}},
      {"relu", [](Inputs x) { return relu(x[0]); }, {uniform({7, 5}, 1)}},
      {"softplus", [](Inputs x) { return softplus(x[0]); }, {uniform({7, 5}, 1, DType::f64, -4, 4)}},
      {"softplus_sharp",
       [](Inputs x) { return softplus(x[0], {.beta = -2.5, .threshold = 3}); },
       {uniform({7, 5}, 1, DType::f64, -4, 4)}},
      {"dropout", [](Inputs x) { return dropout(x[0], 0.4, 7); }, {uniform({7, 5}, 1)}},
  };
}

std::vector<GradientCase> function_cases() {
  const Shape shape{2, 1, 5};
  const Tensor any = uniform(shape, 1, DType::f64, -3, 3);
  const Tensor positive = uniform(shape, 2, DType::f64, 0.3, 3);
  const Tensor exponents = uniform({3, 5}, 3, DType::f64, -2, 2);
  const auto extreme = [](Tensor (*f)(const Tensor&, const Tensor&)) {
    return [f](Inputs x) { return f(x[0], x[1]); };
  };
  const Tensor mask = Tensor::from<int64_t>({1, 0, 0, 1, 0}, {1, 5}).to(DType::boolean);
  return {
      {"exp", [](Inputs x) { return exp(x[0]); }, {any}},
      {"expm1", [](Inputs x) { return expm1(x[0]); }, {any}},
      {"log", [](Inputs x) { return log(x[0]); }, {positive}},
      {"log1p", [](Inputs x) { return log1p(x[0]); }, {positive}},
      {"sqrt", [](Inputs x) { return sqrt(x[0]); }, {positive}},
      {"rsqrt", [](Inputs x) { return rsqrt(x[0]); }, {positive}},
      {"abs", [](Inputs x) { return abs(x[0]); }, {any}},
      {"sin", [](Inputs x) { return sin(x[0]); }, {any}},
      {"cos", [](Inputs x) { return cos(x[0]); }, {any}},
      {"tanh", [](Inputs x) { return tanh(x[0]); }, {any}},
      {"sigmoid", [](Inputs x) { return sigmoid(x[0]); }, {any}},
      {"silu", [](Inputs x) { return silu(x[0]); }, {any}},
      {"gelu", [](Inputs x) { return gelu(x[0]); }, {any}},
      {"gelu_tanh", [](Inputs x) { return gelu(x[0], {.approximate = GeluApproximation::Tanh}); }, {any}},
      {"leaky_relu", [](Inputs x) { return leaky_relu(x[0], {.negative_slope = 0.2}); }, {any}},
      {"function_of_nothing", [](Inputs x) { return gelu(sin(x[0])); }, {uniform({0, 3}, 1)}},
      {"pow", [](Inputs x) { return pow(x[0], -1.5); }, {positive}},
      {"pow_of_negative", [](Inputs x) { return pow(x[0], 3); }, {any}},
      {"pow_tensor", [](Inputs x) { return pow(x[0], x[1]); }, {positive, exponents}},
      {"maximum", extreme(maximum), {any, uniform({3, 5}, 4, DType::f64, -3, 3)}},
      {"minimum", extreme(minimum), {any, uniform({3, 5}, 4, DType::f64, -3, 3)}},
      {"clamp", [](Inputs x) { return clamp(x[0], {.min = -1, .max = 0.5}); }, {any}},
      {"clamp_below", [](Inputs x) { return clamp(x[0], {.max = 0.5}); }, {any}},
      {"where", [=](Inputs x) { return where(mask, x[0], x[1]); }, {any, uniform({3, 1}, 5)}},
  };
}

std::vector<GradientCase> shape_cases() {
  return {
      {"reshape",
       [](Inputs x) {
         return reshape(x[0], {3, -1});
       },
       {uniform({2, 6}, 1)}},
      {"slice_rows", [](Inputs x) { return slice(x[0], 1, -1); }, {uniform({4, 3}, 1)}},
      {"slice_of_slice", [](Inputs x) { return slice(slice(x[0], 1, 5), 1, 3); }, {uniform({6, 2}, 1)}},
      {"slice_dim",
       [](Inputs x) { return slice(x[0], {.dim = 1, .begin = 1, .end = 5, .step = 2}); },
       {uniform({2, 5, 3}, 1)}},
      {"slice_last_dim",
       [](Inputs x) { return slice(x[0], {.dim = -1, .begin = -2, .end = 4}); },
       {uniform({3, 4}, 1)}},
      {"transpose", [](Inputs x) { return transpose(x[0], 0, 1); }, {uniform({3, 5}, 1)}},
      {"transpose_around", [](Inputs x) { return transpose(x[0], -1, 0); }, {uniform({2, 3, 4}, 1)}},
      {"transpose_inner", [](Inputs x) { return transpose(x[0], 1, 2); }, {uniform({2, 3, 2, 2}, 1)}},
  };
}

std::vector<GradientCase> reduction_cases() {
  return {
      {"sum", [](Inputs x) { return sum(x[0]); }, {uniform({3, 4}, 1)}},
      {"sum_middle", [](Inputs x) { return sum(x[0], {.dims = {1}}); }, {uniform({2, 3, 4}, 1)}},
      {"sum_outer_keepdim",
       [](Inputs x) {
         return sum(x[0], {.dims = {0, -1}, .keepdim = true});
       },
       {uniform({2, 3, 4}, 1)}},
      {"sum_of_scalar", [](Inputs x) { return sum(x[0]); }, {uniform({}, 1)}},
      {"mean", [](Inputs x) { return mean(x[0]); }, {uniform({3, 4}, 1)}},
      {"mean_pairs",
       [](Inputs x) {
         return mean(x[0], {.dims = {0, 2}});
       },
       {uniform({2, 3, 4, 2}, 1)}},
      {"max", [](Inputs x) { return max(x[0]); }, {uniform({3, 4}, 1)}},
      {"max_dim", [](Inputs x) { return max(x[0], {.dims = {1}}); }, {uniform({2, 5, 3}, 1)}},
      {"max_dims_keepdim",
       [](Inputs x) {
         return max(x[0], {.dims = {-2, -1}, .keepdim = true});
       },
       {uniform({2, 3, 2}, 1)}},
  };
}

std::vector<GradientCase> product_cases() {
  const auto product = [](Inputs x) { return matmul(x[0], x[1]); };
  const auto transposed = [](bool a, bool b) {
    return [a, b](Inputs x) { return matmul(x[0], x[1], {.transpose_a = a, .transpose_b = b}); };
  };
  const auto layer = [](Inputs x) { return linear(x[0], x[1], x.size() > 2 ? x[2] : Tensor()); };
  return {
      {"matmul_transposed_a", transposed(true, false), {uniform({2, 4, 3}, 1), uniform({2, 4, 2}, 2)}},
      {"matmul_transposed_b", transposed(false, true), {uniform({2, 3, 4}, 1), uniform({2, 4}, 2)}},
      {"matmul_transposed_both", transposed(true, true), {uniform({4, 3}, 1), uniform({2, 2, 4}, 2)}},
      {"permute",
       [](Inputs x) {
         return permute(x[0], {2, 0, -2});
       },
       {uniform({2, 3, 4}, 1)}},
      {"matmul", product, {uniform({3, 4}, 1), uniform({4, 5}, 2)}},
      {"matmul_batched", product, {uniform({2, 3, 4}, 1), uniform({2, 4, 2}, 2)}},
      {"matmul_batch_by_matrix", product, {uniform({2, 2, 3, 4}, 1), uniform({4, 2}, 2)}},
      {"matmul_matrix_by_batch", product, {uniform({3, 4}, 1), uniform({3, 4, 2}, 2)}},
      {"matmul_crossed_batches", product, {uniform({2, 1, 3, 4}, 1), uniform({3, 4, 2}, 2)}},
      {"linear", layer, {uniform({4, 6}, 1), uniform({5, 6}, 2), uniform({5}, 3)}},
      {"linear_without_bias", layer, {uniform({2, 3, 4}, 1), uniform({3, 4}, 2)}},
      {"linear_of_vector", layer, {uniform({4}, 1), uniform({3, 4}, 2), uniform({3}, 3)}},
  };
}

std::vector<GradientCase> sparse_cases() {
  const auto pattern = CsrPattern::from_mask(random_mask({5, 7}, 11, 0.4));
  const auto full = CsrPattern::full(3, 4);
  const auto layer = [](std::shared_ptr<const CsrPattern> p) {
    return [p](Inputs x) { return csr_linear(x[0], p, x[1], x.size() > 2 ? x[2] : Tensor()); };
  };
  return {
      {"csr_linear", layer(pattern), {uniform({3, 7}, 1), uniform({pattern->nnz()}, 2), uniform({5}, 3)}},
      {"csr_linear_without_bias", layer(pattern), {uniform({2, 2, 7}, 1), uniform({pattern->nnz()}, 2)}},
      {"csr_linear_full", layer(full), {uniform({5, 4}, 1), uniform({12}, 2), uniform({3}, 3)}},
      {"csr_to_dense",
       [=](Inputs x) {
         return csr_to_dense(pattern, x[0], {5, 7});
       },
       {uniform({pattern->nnz()}, 1)}},
  };
}

std::vector<GradientCase> classification_cases() {
  const Tensor targets = Tensor::from<int64_t>({2, 0, 3, 2}, {4});
  const Tensor weight = uniform({5}, 9, DType::f64, 0.2, 2);
  const auto entropy = [=](CrossEntropyOptions options) {
    return [=](Inputs x) { return cross_entropy(x[0], targets, options); };
  };
  const std::vector<Tensor> logits{uniform({4, 5}, 1, DType::f64, -3, 3)};
  return {
      {"softmax", [](Inputs x) { return softmax(x[0]); }, logits},
      {"softmax_middle", [](Inputs x) { return softmax(x[0], 1); }, {uniform({2, 3, 4}, 1)}},
      {"log_softmax", [](Inputs x) { return log_softmax(x[0]); }, logits},
      {"log_softmax_first", [](Inputs x) { return log_softmax(x[0], 0); }, {uniform({3, 4}, 1)}},
      {"cross_entropy", entropy({}), logits},
      {"cross_entropy_sum", entropy({.reduction = Reduction::Sum}), logits},
      {"cross_entropy_none", entropy({.reduction = Reduction::None}), logits},
      {"cross_entropy_ignoring", entropy({.ignore_index = 2}), logits},
      {"cross_entropy_smoothed", entropy({.label_smoothing = 0.3}), logits},
      {"cross_entropy_weighted", entropy({.weight = weight}), logits},
      {"cross_entropy_with_everything",
       entropy({.reduction = Reduction::None, .label_smoothing = 0.2, .ignore_index = 0, .weight = weight}), logits},
  };
}

class GradientOf : public testing::TestWithParam<GradientCase> {};

TEST_P(GradientOf, MatchesCentralDifferences) {
  const GradCheckResult result = gradcheck(GetParam().fn, GetParam().inputs);
  EXPECT_TRUE(result) << result.message;
}

// A node may skip what an input without a gradient would need: the others must not change.
TEST_P(GradientOf, IsTheSameForOneInputAlone) {
  const auto gradient_of = [](size_t wanted, bool others) {
    std::vector<Tensor> inputs;
    for (const Tensor& x : GetParam().inputs) inputs.push_back(x.clone());
    for (size_t i = 0; i < inputs.size(); ++i) inputs[i].set_requires_grad(others || i == wanted);
    const Tensor result = GetParam().fn(inputs);
    result.backward(uniform(result.shape(), 5));
    return to_vector<double>(inputs[wanted].grad());
  };
  for (size_t i = 0; i < GetParam().inputs.size(); ++i) EXPECT_EQ(gradient_of(i, false), gradient_of(i, true));
}

const auto kName = [](const testing::TestParamInfo<GradientCase>& info) { return info.param.name; };
INSTANTIATE_TEST_SUITE_P(Elementwise, GradientOf, testing::ValuesIn(elementwise_cases()), kName);
INSTANTIATE_TEST_SUITE_P(Functions, GradientOf, testing::ValuesIn(function_cases()), kName);
INSTANTIATE_TEST_SUITE_P(Shapes, GradientOf, testing::ValuesIn(shape_cases()), kName);
INSTANTIATE_TEST_SUITE_P(Reductions, GradientOf, testing::ValuesIn(reduction_cases()), kName);
INSTANTIATE_TEST_SUITE_P(Products, GradientOf, testing::ValuesIn(product_cases()), kName);
INSTANTIATE_TEST_SUITE_P(Sparse, GradientOf, testing::ValuesIn(sparse_cases()), kName);
INSTANTIATE_TEST_SUITE_P(Classification, GradientOf, testing::ValuesIn(classification_cases()), kName);

}  // namespace
}  // namespace gossamer::test_gradients
