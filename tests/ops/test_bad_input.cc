// What operations refuse: the type of the exception, the form of its message, and operands that stay as they are.
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "gossamer/ops.h"
#include "tests/ops/samples/sample.h"
#include "tests/support/bad_input.h"

namespace gossamer::test_bad_input {
namespace {

using samples::OpSample;

Tensor f32(const Shape& shape) { return Tensor::ones(shape); }
Tensor f64(const Shape& shape) { return Tensor::ones(shape, DType::f64); }
Tensor i64(const Shape& shape) { return Tensor::ones(shape, DType::i64); }
Tensor mask(const Shape& shape) { return Tensor::ones(shape, DType::boolean); }

std::vector<BadInput> bad_inputs() {
  using enum Thrown;
  const double nan = std::nan("");
  const std::string kAttention = "scaled_dot_product_attention";
  return {
      {"add", "shapes", Shape,
       [] {
         return add(f32({2, 3}), f32({2}));
       }},
      {"add", "dtypes", DType, [] { return add(f32({2}), f64({2})); }},
      {"sub", "shapes", Shape, [] { return sub(f32({2}), f32({3})); }},
      {"sub", "integers", DType, [] { return sub(i64({2}), i64({2})); }},
      {"mul", "shapes", Shape, [] { return mul(f32({0}), f32({2})); }},
      {"mul", "dtypes", DType, [] { return mul(f32({2}), i64({2})); }},
      {"div", "shapes", Shape,
       [] {
         return div(f32({2, 1, 3}), f32({2, 2}));
       }},
      {"div", "dtypes", DType, [] { return div(f64({2}), f32({2})); }},
      {"pow", "shapes", Shape, [] { return pow(f32({2}), f32({3})); }},
      {"maximum", "shapes", Shape, [] { return maximum(f32({2}), f32({3})); }},
      {"maximum", "dtypes", DType, [] { return maximum(f32({2}), f64({2})); }},
      {"minimum", "shapes", Shape, [] { return minimum(f32({2}), f32({3})); }},
      {"clamp", "no_bound", Config, [] { return clamp(f32({1}), {}); }},
      {"clamp", "nan", Config, [=] { return clamp(f32({1}), {.min = nan}); }},
      {"where", "mask", DType, [] { return where(f32({2}), f32({2}), f32({2})); }},
      {"where", "shapes", Shape, [] { return where(mask({3}), f32({2}), f32({2})); }},
      {"where", "dtypes", DType, [] { return where(mask({2}), f32({2}), f64({2})); }},
      {"softplus", "beta", Config, [] { return softplus(f32({1}), {.beta = 0}); }},
      {"leaky_relu", "nan", Config, [=] { return leaky_relu(f32({1}), {.negative_slope = nan}); }},
      {"dropout", "share", Config, [] { return dropout(f32({2}), 1, 1); }},
      {"dropout", "nan", Config, [=] { return dropout(f32({2}), nan, 1); }},
      {"reshape", "count", Shape,
       [] {
         return reshape(f32({2, 3}), {4});
       }},
      {"reshape", "two_unknown", Shape,
       [] {
         return reshape(f32({4}), {-1, -1});
       }},
      {"slice", "bounds", Shape, [] { return slice(f32({2}), 1, 4); }},
      {"slice", "scalar", Shape, [] { return slice(f32({}), 0, 0); }},
      {"slice", "axis", Shape, [] { return slice(f32({2}), {.dim = 1, .begin = 0, .end = 1}); }},
      {"slice", "step", Config, [] { return slice(f32({2}), {.end = 1, .step = 0}); }},
      {"transpose", "axis", Shape,
       [] {
         return transpose(f32({2, 3}), 0, 2);
       }},
      {"permute", "axis", Shape,
       [] {
         return permute(f32({2, 3}), {0, 2});
       }},
      {"permute", "twice", Shape,
       [] {
         return permute(f32({2, 3}), {1, 1});
       }},
      {"flatten", "order", Shape,
       [] {
         return flatten(f32({2, 3}), {.start_dim = 1, .end_dim = 0});
       }},
      {"squeeze", "axis", Shape, [] { return squeeze(f32({1}), 1); }},
      {"unsqueeze", "axis", Shape, [] { return unsqueeze(f32({1}), 2); }},
      {"expand", "shapes", Shape, [] { return expand(f32({2}), {3}); }},
      {"expand", "new_unknown", Shape,
       [] {
         return expand(f32({2}), {-1, 2});
       }},
      {"repeat", "too_few", Shape,
       [] {
         return repeat(f32({2, 2}), {2});
       }},
      {"repeat", "negative", Shape, [] { return repeat(f32({2}), {-1}); }},
      {"flip", "axis", Shape, [] { return flip(f32({2}), {1}); }},
      {"flip", "axis_twice", Shape,
       [] {
         return flip(f32({2}), {0, -1});
       }},
      {"roll", "scalar", Shape, [] { return roll(f32({}), 1, 0); }},
      {"pad", "negative", Shape, [] { return pad(f32({2}), {{.before = -1}}); }},
      {"pad", "axis_twice", Shape,
       [] {
         return pad(f32({2}), {{.before = 1}, {.dim = -1, .after = 1}});
       }},
      {"pad", "overflow", Shape, [] { return pad(f32({2}), {{.before = INT64_MAX, .after = 1}}); }},
      {"pad", "reflect", Shape, [] { return pad(f32({2}), {{.before = 2}}, {.mode = PadMode::Reflect}); }},
      {"pad", "replicate_empty", Shape, [] { return pad(f32({0}), {{.before = 1}}, {.mode = PadMode::Replicate}); }},
      {"pad", "circular", Shape, [] { return pad(f32({2}), {{.after = 3}}, {.mode = PadMode::Circular}); }},
      {"tril", "rank", Shape, [] { return tril(f32({2})); }},
      {"triu", "rank", Shape, [] { return triu(f32({})); }},
      {"arange", "step", Config, [] { return arange({.end = 1, .step = 0}); }},
      {"arange", "nan", Config, [=] { return arange({.end = nan}); }},
      {"arange", "fraction", Config, [] { return arange({.start = 0.5, .end = 2, .dtype = gossamer::DType::i64}); }},
      {"arange", "mask", DType, [] { return arange({.end = 1, .dtype = gossamer::DType::boolean}); }},
      {"arange", "too_many", Shape, [] { return arange({.end = 1e300}); }},
      {"concat", "none", Shape, [] { return concat({}); }},
      {"concat", "sizes", Shape,
       [] {
         return concat({f32({2, 3}), f32({2, 2})});
       }},
      {"concat", "rank", Shape,
       [] {
         return concat({f32({2, 3}), f32({2})});
       }},
      {"concat", "scalar", Shape, [] { return concat({f32({})}); }},
      {"concat", "dtypes", DType,
       [] {
         return concat({f32({2}), f64({2})});
       }},
      {"stack", "none", Shape, [] { return stack({}); }},
      {"stack", "axis", Shape, [] { return stack({f32({2})}, 2); }},
      {"stack", "sizes", Shape,
       [] {
         return stack({f32({2}), f32({1})});
       }},
      {"stack", "dtypes", DType,
       [] {
         return stack({f32({2}), i64({2})});
       }},
      {"split", "axis", Shape, [] { return split(f32({2}), 1, 1)[0]; }},
      {"split", "size", Config, [] { return split(f32({2}), 0)[0]; }},
      {"split", "sum", Shape,
       [] {
         return split(f32({2}), {1, 2})[0];
       }},
      {"chunk", "count", Config, [] { return chunk(f32({2}), 0)[0]; }},
      {"chunk", "scalar", Shape, [] { return chunk(f32({}), 1)[0]; }},
      {"index_select", "index", Index, [] { return index_select(f32({1}), 0, i64({1})); }},
      {"index_select", "rank", Shape,
       [] {
         return index_select(f32({2}), 0, i64({1, 1}));
       }},
      {"index_select", "axis", Shape, [] { return index_select(f32({2}), 1, i64({1})); }},
      {"index_select", "floating", DType, [] { return index_select(f32({2}), 0, f32({1})); }},
      {"gather", "index", Index, [] { return gather(f32({1}), 0, i64({1})); }},
      {"gather", "rank", Shape,
       [] {
         return gather(f32({2, 2}), 0, i64({1}));
       }},
      {"gather", "larger", Shape,
       [] {
         return gather(f32({2, 2}), 0, i64({1, 3}));
       }},
      {"gather", "mask", DType, [] { return gather(f32({2}), 0, mask({2})); }},
      {"scatter_add", "index", Index, [] { return scatter_add(f32({1}), 0, i64({1}), f32({1})); }},
      {"scatter_add", "source", Shape, [] { return scatter_add(f32({2}), 0, i64({1}), f32({2})); }},
      {"scatter_add", "dtypes", DType, [] { return scatter_add(f32({2}), 0, i64({1}), f64({1})); }},
      {"scatter_add", "integers", DType, [] { return scatter_add(i64({2}), 0, i64({1}), i64({1})); }},
      {"scatter", "index", Index, [] { return scatter(f32({1}), 0, i64({1}), f32({1})); }},
      {"scatter", "source", Shape, [] { return scatter(f32({2}), 0, i64({1}), f32({})); }},
      {"scatter", "dtypes", DType, [] { return scatter(f32({2}), 0, i64({1}), i64({1})); }},
      {"one_hot", "index", Index, [] { return one_hot(i64({2}), {.classes = 1}); }},
      {"one_hot", "classes", Config, [] { return one_hot(i64({2}), {.classes = -1}); }},
      {"one_hot", "floating", DType, [] { return one_hot(f32({2}), {.classes = 1}); }},
      {"sort", "scalar", Shape, [] { return sort(f32({})).values; }},
      {"argsort", "axis", Shape, [] { return argsort(f32({2}), {.dim = 1}); }},
      {"topk", "too_many", Shape, [] { return topk(f32({2}), 3).values; }},
      {"topk", "negative", Shape, [] { return topk(f32({2}), -1).values; }},
      {"topk", "axis", Shape, [] { return topk(f32({2}), 1, {.dim = -2}).values; }},
      {"maximum", "masks", DType, [] { return maximum(mask({2}), mask({2})); }},
      {"eq", "dtypes", DType, [] { return eq(i64({2}), f32({2})); }},
      {"lt", "shapes", Shape, [] { return lt(i64({2}), i64({3})); }},
      {"logical_and", "numbers", DType, [] { return logical_and(mask({2}), i64({2})); }},
      {"logical_or", "shapes", Shape, [] { return logical_or(mask({2}), mask({3})); }},
      {"logical_not", "numbers", DType, [] { return logical_not(f32({2})); }},
      {"masked_fill", "mask", DType, [] { return masked_fill(f32({2}), f32({2}), 0); }},
      {"sum", "axis", Shape,
       [] {
         return sum(f32({2, 3}), {.dims = {2}});
       }},
      {"sum", "axis_twice", Shape,
       [] {
         return sum(f32({2, 3}), {.dims = {1, -1}});
       }},
      {"sum", "integers", DType, [] { return sum(i64({2})); }},
      {"mean", "axis", Shape, [] { return mean(f32({2}), {.dims = {-2}}); }},
      {"mean", "empty", Shape,
       [] {
         return mean(f32({2, 0}));
       }},
      {"mean", "integers", DType, [] { return mean(i64({2})); }},
      {"max", "axis", Shape, [] { return max(f32({}), {.dims = {0}}); }},
      {"max", "empty", Shape, [] { return max(f32({0})); }},
      {"min", "empty", Shape,
       [] {
         return min(f32({2, 0}), {.dims = {1}});
       }},
      {"min", "integers", DType, [] { return min(i64({2})); }},
      {"prod", "axis", Shape, [] { return prod(f32({2}), {.dims = {1}}); }},
      {"prod", "integers", DType, [] { return prod(i64({2})); }},
      {"logsumexp", "axis_twice", Shape,
       [] {
         return logsumexp(f32({2}), {.dims = {0, 0}});
       }},
      {"logsumexp", "integers", DType, [] { return logsumexp(i64({2})); }},
      {"var", "empty", Shape, [] { return var(f32({0})); }},
      {"var", "axis", Shape, [] { return var(f32({2}), {.dims = {-2}}); }},
      {"var", "correction", Config, [=] { return var(f32({2}), {.correction = nan}); }},
      {"norm", "power", Config, [] { return norm(f32({2}), {.p = 3}); }},
      {"norm", "axis", Shape, [] { return norm(f32({2}), {.dims = {1}}); }},
      {"norm", "integers", DType, [] { return norm(i64({2})); }},
      {"argmax", "empty", Shape,
       [] {
         return argmax(f32({2, 0}));
       }},
      {"argmax", "scalar", Shape, [] { return argmax(f32({}), 0); }},
      {"argmin", "empty", Shape, [] { return argmin(f32({0}), {.dim = std::nullopt}); }},
      {"argmin", "axis", Shape, [] { return argmin(f32({2}), 1); }},
      {"cumsum", "axis", Shape, [] { return cumsum(f32({2}), 1); }},
      {"cumsum", "scalar", Shape, [] { return cumsum(f32({}), 0); }},
      {"cumsum", "integers", DType, [] { return cumsum(i64({2}), 0); }},
      {"elu", "nan", Config, [=] { return elu(f32({1}), {.alpha = nan}); }},
      {"matmul", "scalar", Shape,
       [] {
         return matmul(f32({}), f32({1, 1}));
       }},
      {"matmul", "vector_sizes", Shape,
       [] {
         return matmul(f32({2, 3}), f32({2}));
       }},
      {"matmul", "transposed_vector", Shape,
       [] {
         return matmul(f32({2, 3}), f32({3}), {.transpose_b = true});
       }},
      {"matmul", "sizes", Shape,
       [] {
         return matmul(f32({2, 3}), f32({2, 3}));
       }},
      {"matmul", "batches", Shape,
       [] {
         return matmul(f32({2, 3, 4}), f32({3, 4, 5}));
       }},
      {"matmul", "dtypes", DType,
       [] {
         return matmul(f32({2, 2}), f64({2, 2}));
       }},
      {"linear", "sizes", Shape,
       [] {
         return linear(f32({2, 3}), f32({5, 4}));
       }},
      {"linear", "scalar", Shape,
       [] {
         return linear(f32({}), f32({5, 4}));
       }},
      {"linear", "bias", Shape,
       [] {
         return linear(f32({2, 4}), f32({5, 4}), f32({4}));
       }},
      {"linear", "dtypes", DType,
       [] {
         return linear(f64({2, 4}), f32({5, 4}));
       }},
      {"conv2d", "rank", Shape,
       [] {
         return conv2d(f32({5, 5}), f32({2, 2, 3, 3}));
       }},
      {"conv2d", "channels", Shape,
       [] {
         return conv2d(f32({1, 3, 5, 5}), f32({2, 2, 3, 3}));
       }},
      {"conv2d", "weight", Shape,
       [] {
         return conv2d(f32({1, 2, 5, 5}), f32({2, 2, 3}));
       }},
      {"conv2d", "bias", Shape,
       [] {
         return conv2d(f32({1, 2, 5, 5}), f32({2, 2, 3, 3}), f32({3}));
       }},
      {"conv2d", "window", Shape,
       [] {
         return conv2d(f32({1, 2, 5, 5}), f32({2, 2, 3, 3}), {}, {.padding = {0, 1}, .dilation = 3});
       }},
      {"conv2d", "empty_window", Shape,
       [] {
         return conv2d(f32({1, 2, 5, 5}), f32({2, 2, 0, 3}));
       }},
      {"conv2d", "empty_image", Shape,
       [] {
         return conv2d(f32({1, 2, 0, 5}), f32({2, 2, 1, 1}));
       }},
      {"conv2d", "dtypes", DType,
       [] {
         return conv2d(f64({1, 2, 5, 5}), f32({2, 2, 3, 3}));
       }},
      {"conv2d", "bias_dtype", DType,
       [] {
         return conv2d(f32({1, 2, 5, 5}), f32({2, 2, 3, 3}), f64({2}));
       }},
      {"conv2d", "integers", DType,
       [] {
         return conv2d(i64({1, 2, 5, 5}), i64({2, 2, 3, 3}));
       }},
      {"conv2d", "stride", Config,
       [] {
         return conv2d(f32({1, 2, 5, 5}), f32({2, 2, 3, 3}), {}, {.stride = {1, 0}});
       }},
      {"conv2d", "padding", Config,
       [] {
         return conv2d(f32({1, 2, 5, 5}), f32({2, 2, 3, 3}), {}, {.padding = -1});
       }},
      {"conv2d", "dilation", Config,
       [] {
         return conv2d(f32({1, 2, 5, 5}), f32({2, 2, 3, 3}), {}, {.dilation = int64_t{1} << 40});
       }},
      {"conv2d", "groups", Config,
       [] {
         return conv2d(f32({1, 4, 5, 5}), f32({3, 2, 3, 3}), {}, {.groups = 2});
       }},
      {"conv1d", "rank", Shape,
       [] {
         return conv1d(f32({5}), f32({2, 2, 3}));
       }},
      {"conv1d", "weight", Shape,
       [] {
         return conv1d(f32({1, 2, 5}), f32({2, 2, 3, 3}));
       }},
      {"softmax", "scalar", Shape, [] { return softmax(f32({})); }},
      {"softmax", "axis", Shape, [] { return softmax(f32({2}), 1); }},
      {"softmax", "integers", DType, [] { return softmax(i64({2})); }},
      {"log_softmax", "axis", Shape, [] { return log_softmax(f32({2}), -2); }},
      {"layer_norm", "shape", Shape,
       [] {
         return layer_norm(f32({2, 3}), {2});
       }},
      {"layer_norm", "too_many", Shape,
       [] {
         return layer_norm(f32({3}), {1, 3});
       }},
      {"layer_norm", "no_dims", Shape, [] { return layer_norm(f32({3}), {}); }},
      {"layer_norm", "weight", Shape,
       [] {
         return layer_norm(f32({2, 3}), {3}, f32({2}));
       }},
      {"layer_norm", "bias_dtype", DType,
       [] {
         return layer_norm(f32({2, 3}), {3}, {}, f64({3}));
       }},
      {"layer_norm", "integers", DType,
       [] {
         return layer_norm(i64({2, 3}), {3});
       }},
      {"layer_norm", "eps", Config,
       [] {
         return layer_norm(f32({2, 3}), {3}, {}, {}, {.eps = -1});
       }},
      {"rms_norm", "shape", Shape,
       [] {
         return rms_norm(f32({2, 3}), {4});
       }},
      {"rms_norm", "weight", Shape,
       [] {
         return rms_norm(f32({2, 3}), {3}, f32({1, 3}));
       }},
      {"rms_norm", "eps", Config,
       [=] {
         return rms_norm(f32({2, 3}), {3}, {}, {.eps = nan});
       }},
      {"batch_norm", "rank", Shape, [] { return batch_norm(f32({3}), {}, {}, {.training = true}); }},
      {"batch_norm", "one_element", Shape,
       [] {
         return batch_norm(f32({1, 3}), {}, {}, {.training = true});
       }},
      {"batch_norm", "bias", Shape,
       [] {
         return batch_norm(f32({4, 3}), {}, f32({4}), {.training = true});
       }},
      {"batch_norm", "no_statistics", State,
       [] {
         return batch_norm(f32({4, 3}), {}, {}, {});
       }},
      {"batch_norm", "one_statistic", State,
       [] {
         return batch_norm(f32({4, 3}), {}, {}, {.running_var = f32({3})});
       }},
      {"batch_norm", "statistics", Shape,
       [] {
         return batch_norm(f32({4, 3}), {}, {}, {.running_mean = f32({4}), .running_var = f32({3})});
       }},
      {"batch_norm", "statistics_dtype", DType,
       [] {
         return batch_norm(f64({4, 3}), {}, {}, {.running_mean = f32({3}), .running_var = f32({3})});
       }},
      {"batch_norm", "momentum", Config,
       [] {
         return batch_norm(f32({4, 3}), {}, {}, {.training = true, .momentum = 2});
       }},
      {"batch_norm", "eps", Config,
       [] {
         return batch_norm(f32({4, 3}), {}, {}, {.training = true, .eps = -1});
       }},
      {"group_norm", "rank", Shape, [] { return group_norm(f32({4}), 2); }},
      {"group_norm", "groups", Config,
       [] {
         return group_norm(f32({2, 4}), 3);
       }},
      {"group_norm", "no_groups", Config,
       [] {
         return group_norm(f32({2, 4}), 0);
       }},
      {"group_norm", "weight", Shape,
       [] {
         return group_norm(f32({2, 4}), 2, f32({2}));
       }},
      {"group_norm", "eps", Config,
       [=] {
         return group_norm(f32({2, 4}), 2, {}, {}, {.eps = nan});
       }},
      {"max_pool2d", "rank", Shape,
       [] {
         return max_pool2d(f32({4, 4}), {.kernel = 2});
       }},
      {"max_pool2d", "empty", Shape,
       [] {
         return max_pool2d(f32({1, 1, 0, 4}), {.kernel = 2});
       }},
      {"max_pool2d", "window", Shape,
       [] {
         return max_pool2d(f32({1, 2, 3}), {.kernel = {1, 2}, .dilation = 3});
       }},
      {"max_pool2d", "integers", DType,
       [] {
         return max_pool2d(i64({1, 4, 4}), {.kernel = 2});
       }},
      {"max_pool2d", "kernel", Config,
       [] {
         return max_pool2d(f32({1, 4, 4}), {});
       }},
      {"max_pool2d", "stride", Config,
       [] {
         return max_pool2d(f32({1, 4, 4}), {.kernel = 2, .stride = {-1, 1}});
       }},
      {"max_pool2d", "padding", Config,
       [] {
         return max_pool2d(f32({1, 4, 4}), {.kernel = 2, .padding = {0, 2}});
       }},
      {"max_pool2d", "padding_end", Config,
       [] {
         return max_pool2d(f32({1, 4, 4}), {.kernel = 2, .padding_end = 2});
       }},
      {"max_pool2d", "dilation", Config,
       [] {
         return max_pool2d(f32({1, 4, 4}), {.kernel = 2, .dilation = 0});
       }},
      {"max_pool2d_with_indices", "rank", Shape,
       [] { return max_pool2d_with_indices(f32({4}), {.kernel = 2}).second; }},
      {"avg_pool2d", "rank", Shape,
       [] {
         return avg_pool2d(f32({4, 4}), {.kernel = 2});
       }},
      {"avg_pool2d", "window", Shape,
       [] {
         return avg_pool2d(f32({1, 2, 3}), {.kernel = 3});
       }},
      {"avg_pool2d", "integers", DType,
       [] {
         return avg_pool2d(i64({1, 4, 4}), {.kernel = 2});
       }},
      {"avg_pool2d", "padding", Config,
       [] {
         return avg_pool2d(f32({1, 4, 4}), {.kernel = 2, .padding = -1});
       }},
      {"avg_pool2d", "divisor", Config,
       [] {
         return avg_pool2d(f32({1, 4, 4}), {.kernel = 2, .divisor_override = 0});
       }},
      {"adaptive_avg_pool2d", "rank", Shape,
       [] {
         return adaptive_avg_pool2d(f32({1, 1, 1, 1, 1}), 1);
       }},
      {"adaptive_avg_pool2d", "size", Config,
       [] {
         return adaptive_avg_pool2d(f32({1, 4, 4}), {1, 0});
       }},
      {"adaptive_max_pool2d", "empty", Shape,
       [] {
         return adaptive_max_pool2d(f32({1, 0, 4}), 1);
       }},
      {"adaptive_max_pool2d", "size", Config,
       [] {
         return adaptive_max_pool2d(f32({1, 4, 4}), -1);
       }},
      {"cross_entropy", "rank", Shape, [] { return cross_entropy(f32({3}), i64({3})); }},
      {"cross_entropy", "targets", Shape,
       [] {
         return cross_entropy(f32({2, 3}), i64({3}));
       }},
      {"cross_entropy", "out_of_range", Index,
       [] {
         return cross_entropy(f32({2, 1}), i64({2}));
       }},
      {"cross_entropy", "smoothing", Config,
       [] {
         return cross_entropy(f32({1, 2}), i64({1}), {.label_smoothing = 2});
       }},
      {"cross_entropy", "weight", Shape,
       [] {
         return cross_entropy(f32({1, 2}), i64({1}), {.weight = f32({3})});
       }},
      {kAttention, "rank", Shape,
       [] {
         return scaled_dot_product_attention(f32({2, 3}), f32({2, 3}), f32({2, 3}));
       }},
      {kAttention, "sizes", Shape,
       [] {
         return scaled_dot_product_attention(f32({1, 2, 3}), f32({1, 2, 4}), f32({1, 2, 3}));
       }},
      {kAttention, "rows", Shape,
       [] {
         return scaled_dot_product_attention(f32({1, 2, 3}), f32({1, 2, 3}), f32({1, 3, 3}));
       }},
      {kAttention, "leading", Shape,
       [] {
         return scaled_dot_product_attention(f32({2, 1, 2, 3}), f32({1, 1, 2, 3}), f32({1, 1, 2, 3}));
       }},
      {kAttention, "heads", Shape,
       [] {
         return scaled_dot_product_attention(f32({3, 2, 4}), f32({2, 2, 4}), f32({2, 2, 4}));
       }},
      {kAttention, "keys", Shape,
       [] {
         return scaled_dot_product_attention(f32({1, 2, 3}), f32({1, 2, 3}), f32({1, 2, 3}), {.keys = 3});
       }},
      {kAttention, "merged", Shape,
       [] {
         return scaled_dot_product_attention(f32({2, 4}), f32({2, 4}), f32({2, 4}), {.heads = 3});
       }},
      {kAttention, "negative", Config,
       [] {
         return scaled_dot_product_attention(f32({1, 2, 3}), f32({1, 2, 3}), f32({1, 2, 3}), {.first_query = -1});
       }},
      {kAttention, "scale", Config,
       [=] {
         return scaled_dot_product_attention(f32({1, 2, 3}), f32({1, 2, 3}), f32({1, 2, 3}), {.scale = nan});
       }},
      {kAttention, "mask", Shape,
       [] {
         return scaled_dot_product_attention(f32({1, 2, 3}), f32({1, 2, 3}), f32({1, 2, 3}), {.mask = mask({3, 2})});
       }},
      {kAttention, "mask_of_integers", DType,
       [] {
         return scaled_dot_product_attention(f32({1, 2, 3}), f32({1, 2, 3}), f32({1, 2, 3}), {.mask = i64({2, 2})});
       }},
      {kAttention, "mask_with_gradient", State,
       [] {
         return scaled_dot_product_attention(f32({1, 2, 3}), f32({1, 2, 3}), f32({1, 2, 3}),
                                             {.mask = f32({2, 2}).set_requires_grad()});
       }},
      {kAttention, "dtypes", DType,
       [] {
         return scaled_dot_product_attention(f32({1, 2, 3}), f64({1, 2, 3}), f32({1, 2, 3}));
       }},
      {"rotary_embedding", "odd", Shape,
       [] {
         return rotary_embedding(f32({2, 3}));
       }},
      {"rotary_embedding", "rank", Shape, [] { return rotary_embedding(f32({4})); }},
      {"rotary_embedding", "position", Config,
       [] {
         return rotary_embedding(f32({2, 4}), {.first_position = -1});
       }},
      {"rotary_embedding", "base", Config,
       [] {
         return rotary_embedding(f32({2, 4}), {.base = 0});
       }},
      {"cross_entropy", "targets_of_positions", Shape,
       [] {
         return cross_entropy(f32({2, 3, 4}), i64({2}));
       }},
      {"cross_entropy", "floating_targets", DType,
       [] {
         return cross_entropy(f32({2, 3}), f32({2}));
       }},
      {"cross_entropy", "probabilities_dtype", DType,
       [] {
         return cross_entropy(f32({2, 3}), f64({2, 3}));
       }},
      {"nll_loss", "rank", Shape, [] { return nll_loss(f32({3}), i64({3})); }},
      {"nll_loss", "targets", Shape,
       [] {
         return nll_loss(f32({2, 3, 4}), i64({2, 3}));
       }},
      {"nll_loss", "floating_targets", DType,
       [] {
         return nll_loss(f32({2, 3}), f32({2}));
       }},
      {"nll_loss", "out_of_range", Index,
       [] {
         return nll_loss(f32({2, 1}), i64({2}));
       }},
      {"nll_loss", "weight", DType,
       [] {
         return nll_loss(f32({2, 3}), i64({2}), {.weight = f64({3})});
       }},
      {"nll_loss", "weight_nan", Config,
       [=] {
         return nll_loss(f32({2, 3}), i64({2}), {.weight = Tensor::full({3}, nan)});
       }},
      {"mse_loss", "shapes", Shape,
       [] {
         return mse_loss(f32({2, 3}), f32({3}));
       }},
      {"mse_loss", "dtypes", DType, [] { return mse_loss(f32({2}), f64({2})); }},
      {"mse_loss", "integers", DType, [] { return mse_loss(i64({2}), i64({2})); }},
      {"l1_loss", "shapes", Shape, [] { return l1_loss(f32({2}), f32({1})); }},
      {"huber_loss", "shapes", Shape, [] { return huber_loss(f32({2}), f32({1})); }},
      {"huber_loss", "delta", Config, [] { return huber_loss(f32({2}), f32({2}), {.delta = 0}); }},
      {"smooth_l1_loss", "dtypes", DType, [] { return smooth_l1_loss(f32({2}), i64({2})); }},
      {"smooth_l1_loss", "beta", Config, [] { return smooth_l1_loss(f32({2}), f32({2}), {.beta = -1}); }},
      {"bce_loss", "shapes", Shape, [] { return bce_loss(f32({2}), f32({1})); }},
      {"bce_loss", "weight", Shape,
       [] {
         return bce_loss(f32({2}), f32({2}), {.weight = f32({3, 2})});
       }},
      {"bce_with_logits", "dtypes", DType, [] { return bce_with_logits(f32({2}), f64({2})); }},
      {"bce_with_logits", "weight", DType, [] { return bce_with_logits(f32({2}), f32({2}), {.weight = f64({2})}); }},
      {"bce_with_logits", "pos_weight", Shape,
       [] { return bce_with_logits(f32({2}), f32({2}), {.pos_weight = f32({3})}); }},
      {"kl_div", "shapes", Shape,
       [] {
         return kl_div(f32({2}), f32({2, 1}));
       }},
      {"cosine_similarity", "shapes", Shape,
       [] {
         return cosine_similarity(f32({2, 3}), f32({2, 4}));
       }},
      {"cosine_similarity", "axis", Shape, [] { return cosine_similarity(f32({2}), f32({2})); }},
      {"cosine_similarity", "eps", Config,
       [=] {
         return cosine_similarity(f32({2, 2}), f32({2, 2}), {.eps = nan});
       }},
      {"cosine_embedding_loss", "scalars", Shape, [] { return cosine_embedding_loss(f32({}), f32({}), i64({})); }},
      {"cosine_embedding_loss", "targets", Shape,
       [] {
         return cosine_embedding_loss(f32({2, 3}), f32({2, 3}), i64({3}));
       }},
      {"cosine_embedding_loss", "target", Index,
       [] {
         return cosine_embedding_loss(f32({2, 3}), f32({2, 3}), Tensor::zeros({2}, DType::i64));
       }},
      {"cosine_embedding_loss", "floating_targets", DType,
       [] {
         return cosine_embedding_loss(f32({2, 3}), f32({2, 3}), f32({2}));
       }},
      {"cosine_embedding_loss", "margin", Config,
       [] {
         return cosine_embedding_loss(f32({2, 3}), f32({2, 3}), i64({2}), {.margin = 2});
       }},
      {"embedding", "index", Index,
       [] {
         return embedding(i64({2}), f32({1, 4}));
       }},
      {"embedding", "floating_indices", DType,
       [] {
         return embedding(f32({2}), f32({1, 4}));
       }},
      {"embedding", "padding", Index,
       [] {
         return embedding(i64({2}), f32({2, 4}), {.padding_idx = 2});
       }},
      {"embedding", "table", Shape, [] { return embedding(i64({2}), f32({4})); }},
  };
}

class Refused : public testing::TestWithParam<BadInput> {};

TEST_P(Refused, WithATypedErrorThatSaysWhatMustHold) { expect_refused(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Ops, Refused, testing::ValuesIn(bad_inputs()), name_of_bad_input);

class RefusedOperandOf : public testing::TestWithParam<OpSample> {};

TEST_P(RefusedOperandOf, ThatIsUndefinedIsAStateError) {
  std::vector<Tensor> inputs = GetParam().inputs;
  inputs[0] = Tensor();
  expect_refused({GetParam().op, "undefined", Thrown::State, [&] { GetParam().fn(inputs); }});
}

std::vector<OpSample> one_of_each() {
  std::vector<OpSample> list = samples::all();
  std::set<std::string> seen;
  std::erase_if(list, [&](const OpSample& s) { return s.inputs.empty() || !seen.insert(s.op).second; });
  return list;
}

const auto kSampleName = [](const testing::TestParamInfo<OpSample>& sample) { return sample.param.op; };
INSTANTIATE_TEST_SUITE_P(Ops, RefusedOperandOf, testing::ValuesIn(one_of_each()), kSampleName);

}  // namespace
}  // namespace gossamer::test_bad_input
