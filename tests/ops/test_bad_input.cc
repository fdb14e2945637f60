// What operations refuse: the type of the exception, the form of its message, and operands that stay as they are.
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <exception>
#include <functional>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/ops.h"
#include "tests/ops/samples/sample.h"

namespace gossamer::test_bad_input {
namespace {

using samples::OpSample;

enum class Thrown { State, Shape, DType, Index, Config };

struct BadInput {
  std::string op;
  std::string what;
  Thrown thrown;
  std::function<Tensor()> fn;
};

void PrintTo(const BadInput& bad, std::ostream* os) { *os << bad.op << "_" << bad.what; }

Tensor f32(const Shape& shape) { return Tensor::ones(shape); }
Tensor f64(const Shape& shape) { return Tensor::ones(shape, DType::f64); }
Tensor i64(const Shape& shape) { return Tensor::ones(shape, DType::i64); }
Tensor mask(const Shape& shape) { return Tensor::ones(shape, DType::boolean); }

std::vector<BadInput> bad_inputs() {
  using enum Thrown;
  const double nan = std::nan("");
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
      {"embedding", "index", Index,
       [] {
         return embedding(i64({2}), f32({1, 4}));
       }},
      {"embedding", "floating_indices", DType,
       [] {
         return embedding(f32({2}), f32({1, 4}));
       }},
      {"embedding", "table", Shape, [] { return embedding(i64({2}), f32({4})); }},
  };
}

template <class E>
std::string caught(const std::function<Tensor()>& fn) {
  try {
    fn();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("another type: ") + error.what();
  }
  return "nothing";
}

std::string caught(Thrown type, const std::function<Tensor()>& fn) {
  switch (type) {
    case Thrown::State:
      return caught<StateError>(fn);
    case Thrown::Shape:
      return caught<ShapeError>(fn);
    case Thrown::DType:
      return caught<DTypeError>(fn);
    case Thrown::Index:
      return caught<IndexError>(fn);
    case Thrown::Config:
      return caught<ConfigError>(fn);
  }
  return "";
}

// "op: what must hold; what was given", the remedy being optional.
void expect_message_of(const std::string& op, const std::string& message) {
  const size_t given = message.find("; ");
  EXPECT_TRUE(message.starts_with(op + ": ") && given != std::string::npos && given + 2 < message.size()) << message;
}

class Refused : public testing::TestWithParam<BadInput> {};

TEST_P(Refused, WithATypedErrorThatSaysWhatMustHold) {
  expect_message_of(GetParam().op, caught(GetParam().thrown, GetParam().fn));
}

const auto kRefusedName = [](const testing::TestParamInfo<BadInput>& row) {
  return row.param.op + "_" + row.param.what;
};
INSTANTIATE_TEST_SUITE_P(Ops, Refused, testing::ValuesIn(bad_inputs()), kRefusedName);

class RefusedOperandOf : public testing::TestWithParam<OpSample> {};

TEST_P(RefusedOperandOf, ThatIsUndefinedIsAStateError) {
  std::vector<Tensor> inputs = GetParam().inputs;
  inputs[0] = Tensor();
  expect_message_of(GetParam().op, caught(Thrown::State, [&] { return GetParam().fn(inputs); }));
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
