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
