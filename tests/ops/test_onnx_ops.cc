// Every operator of ONNX that the operations can express against its node tests (tests/golden/onnx_node_vectors.json).
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gossamer/error.h"
#include "gossamer/ops.h"
#include "gossamer/optim/adagrad.h"
#include "gossamer/optim/adam.h"
#include "gossamer/optim/sgd.h"
#include "tests/ops/declared.h"
#include "tests/support/golden.h"

namespace gossamer::test_onnx_ops {
namespace {

using golden::Json;
// By the position in the operator; what is omitted is undefined, or missing at the end.
using Tensors = std::vector<Tensor>;
using Operator = std::function<Tensors(const Tensors&, const Json& attrs)>;

Operator unary(Tensor (*f)(const Tensor&)) {
  return [f](const Tensors& in, const Json&) { return Tensors{f(in[0])}; };
}
Operator binary(Tensor (*f)(const Tensor&, const Tensor&)) {
  return [f](const Tensors& in, const Json&) { return Tensors{f(in[0], in[1])}; };
}
// ONNX has these for integers too: taken in double, which holds those of the tests exactly.
Operator binary_in_double(Tensor (*f)(const Tensor&, const Tensor&)) {
  return [f](const Tensors& in, const Json&) {
    const Tensor y = f(in[0].to(DType::f64), in[1].to(DType::f64));
    return Tensors{y.dtype() == DType::boolean ? y : y.to(in[0].dtype())};
  };
}
// Of any number of operands, one after the other.
Operator variadic(Tensor (*f)(const Tensor&, const Tensor&)) {
  return [f](const Tensors& in, const Json&) {
    Tensor y = in[0].to(DType::f64);
    for (size_t i = 1; i < in.size(); ++i) y = f(y, in[i].to(DType::f64));
    return Tensors{y.to(in[0].dtype())};
  };
}
Operator along_axis(Tensor (*f)(const Tensor&, int)) {
  return [f](const Tensors& in, const Json& attrs) { return Tensors{f(in[0], attrs.value("axis", -1))}; };
}

bool flag(const Json& attrs, const char* name, bool otherwise) { return attrs.value(name, otherwise ? 1 : 0) != 0; }

std::vector<int64_t> integers(const Tensor& x) {
  return std::vector<int64_t>(x.data<int64_t>(), x.data<int64_t>() + x.numel());
}

Operator reduction(const std::function<Tensor(const Tensor&, const ReduceOptions&)>& f) {
  return [f](const Tensors& in, const Json& attrs) {
    ReduceOptions options{.dims = attrs.value("axes", std::vector<int>()), .keepdim = flag(attrs, "keepdims", true)};
    if (in.size() > 1) {
      for (const int64_t axis : integers(in[1])) options.dims.push_back(static_cast<int>(axis));
    }
    if (options.dims.empty() && flag(attrs, "noop_with_empty_axes", false)) return Tensors{in[0]};
    return Tensors{f(in[0], options)};
  };
}
Operator norm_of(double p) {
  return reduction([p](const Tensor& x, const ReduceOptions& options) {
    return norm(x, {.p = p, .dims = options.dims, .keepdim = options.keepdim});
  });
}

// All dimensions but those of samples and channels.
std::vector<int> spatial(const Tensor& x) {
  std::vector<int> dims(static_cast<size_t>(x.rank() - 2));
  std::iota(dims.begin(), dims.end(), 2);
  return dims;
}

Tensors arg_max(const Tensors& in, const Json& attrs) {
  return {argmax(in[0], ArgReduceOptions{.dim = attrs.value("axis", 0),
                                         .keepdim = flag(attrs, "keepdims", true),
                                         .select_last = flag(attrs, "select_last_index", false)})};
}

Tensors clip(const Tensors& in, const Json&) {
  const auto bound = [&](size_t i) {
    return i < in.size() && in[i].defined() ? std::optional(in[i].item<double>()) : std::nullopt;
  };
  if (!bound(1) && !bound(2)) return {in[0]};
  return {clamp(in[0], {.min = bound(1), .max = bound(2)})};
}

Tensors flatten(const Tensors& in, const Json& attrs) {
  const int axis = attrs.value("axis", 1);
  const std::span<const int64_t> dims = in[0].shape().dims();
  const auto leading = dims.first(static_cast<size_t>(axis < 0 ? axis + in[0].rank() : axis));
  const int64_t rows = std::accumulate(leading.begin(), leading.end(), int64_t{1}, std::multiplies<>());
  return {reshape(in[0], {rows, -1})};
}

Tensors gemm(const Tensors& in, const Json& attrs) {
  const Tensor product =
      matmul(in[0], in[1], {.transpose_a = flag(attrs, "transA", false), .transpose_b = flag(attrs, "transB", false)});
  const Tensor scaled = mul_scalar(product, attrs.value("alpha", 1.0));
  return {in.size() < 3 ? scaled : add(scaled, mul_scalar(in[2], attrs.value("beta", 1.0)))};
}

// ONNX takes the slopes from its attributes, where hardsigmoid has torch's.
Tensors hard_sigmoid(const Tensors& in, const Json& attrs) {
  const Tensor line = add_scalar(mul_scalar(in[0], attrs.value("alpha", 0.2)), attrs.value("beta", 0.5));
  return {clamp(line, {.min = 0, .max = 1})};
}

// ONNX may give other constants than those of the paper.
Tensors selu_of(const Tensors& in, const Json& attrs) {
  if (attrs.empty()) return {selu(in[0])};
  return {mul_scalar(elu(in[0], {.alpha = attrs.at("alpha")}), attrs.at("gamma"))};
}

Tensors prelu(const Tensors& in, const Json&) {
  return {where(gt(in[0], Tensor::zeros({})), in[0], mul(in[0], in[1]))};
}

Tensors mean_of_all(const Tensors& in, const Json&) {
  Tensor total = in[0];
  for (size_t i = 1; i < in.size(); ++i) total = add(total, in[i]);
  return {mul_scalar(total, 1.0 / static_cast<double>(in.size()))};
}

// A size of 0 stands for that of the operand unless `allowzero`.
Tensors reshaped(const Tensors& in, const Json& attrs) {
  std::vector<int64_t> dims = integers(in[1]);
  int64_t known = 1;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 0 && !flag(attrs, "allowzero", false)) dims[i] = in[0].dim(static_cast<int>(i));
    if (dims[i] != -1) known *= dims[i];
  }
  for (int64_t& size : dims) {
    if (size == -1) size = in[0].numel() / known;
  }
  return {reshape(in[0], Shape(dims))};
}

Tensors softmax_cross_entropy(const Tensors& in, const Json& attrs) {
  CrossEntropyOptions options;
  const std::string reduction = attrs.at("reduction");
  options.reduction = reduction == "mean" ? Reduction::Mean : reduction == "sum" ? Reduction::Sum : Reduction::None;
  options.ignore_index = attrs.value("ignore_index", options.ignore_index);
  if (in.size() > 2) options.weight = in[2];
  return {cross_entropy(in[0], in[1], options), log_softmax(in[0], 1)};
}

Tensors transposed(const Tensors& in, const Json& attrs) {
  std::vector<int> order(static_cast<size_t>(in[0].rank()));
  std::iota(order.rbegin(), order.rend(), 0);
  return {permute(in[0], attrs.value("perm", order))};
}

Tensors where_of(const Tensors& in, const Json&) {
  return {where(in[0], in[1].to(DType::f64), in[2].to(DType::f64)).to(in[1].dtype())};
}

// ONNX's training operators: inputs lr, step, then all weights, all gradients and each kind of state; outputs all
// weights and each kind of state. The penalty norm_coefficient * w enters the gradient as our weight decay does. `step`
// is the number of the update as the rule counts it.
template <class Rule>
Tensors updated(const Tensors& in, const typename Rule::Options& options, int64_t step) {
  const size_t kinds = 2 + Rule::state_names(options).size();
  const size_t count = (in.size() - 2) / kinds;
  Tensors out((kinds - 1) * count);
  for (size_t i = 0; i < count; ++i) {
    const auto operand = [&](size_t kind) { return in[2 + kind * count + i].clone(); };
    optim::ParameterUpdate update{
        .step = step, .values = operand(0), .grad = operand(1), .states = {}, .shape = operand(0).shape()};
    for (size_t kind = 2; kind < kinds; ++kind) update.states.push_back(operand(kind));
    Rule::check(options);
    Rule::update(options, update);
    out[i] = update.values;
    for (size_t kind = 2; kind < kinds; ++kind) out[(kind - 1) * count + i] = update.states[kind - 2];
  }
  return out;
}

Tensors momentum(const Tensors& in, const Json& attrs) {
  // The first update of ours takes the gradient for the momentum, whatever stands there: theirs is a later one.
  return updated<optim::SgdRule>(in,
                                 {.lr = in[0].item<double>(),
                                  .momentum = attrs.at("alpha"),
                                  .weight_decay = attrs.at("norm_coefficient"),
                                  .nesterov = attrs.at("mode") == "nesterov"},
                                 2);
}
Tensors adagrad(const Tensors& in, const Json& attrs) {
  return updated<optim::AdagradRule>(in,
                                     {.lr = in[0].item<double>(),
                                      .lr_decay = attrs.at("decay_factor"),
                                      .weight_decay = attrs.at("norm_coefficient"),
                                      .eps = attrs.at("epsilon")},
                                     in[1].item<int64_t>() + 1);
}
Tensors adam(const Tensors& in, const Json& attrs) {
  // At their step 0 moments are not corrected, which is ours after very many steps. Epsilon is 1e-6 by ONNX's manual,
  // but 1e-2 in the only case without the attribute.
  if (in[1].item<int64_t>() != 0) throw std::runtime_error("another step than the one known");
  return updated<optim::AdamRule>(in,
                                  {.lr = in[0].item<double>(),
                                   .beta1 = attrs.at("alpha"),
                                   .beta2 = attrs.at("beta"),
                                   .eps = attrs.value("epsilon", 1e-2),
                                   .weight_decay = attrs.at("norm_coefficient")},
                                  1'000'000);
}

// The operators that are compared, and the number of their cases.
constexpr size_t kComparedCases = 258;
const std::map<std::string, Operator>& compared() {
  static const std::map<std::string, Operator> kCompared{
      {"Abs", unary(abs)},
      {"Adagrad", adagrad},
      {"Adam", adam},
      {"Add", binary(add)},
      {"ArgMax", arg_max},
      {"Clip", clip},
      {"Div", binary(div)},
      {"Elu", [](const Tensors& in, const Json& a) { return Tensors{elu(in[0], {.alpha = a.value("alpha", 1.0)})}; }},
      {"Equal", binary_in_double(eq)},
      {"Exp", unary(exp)},
      {"Flatten", flatten},
      {"Gemm", gemm},
      {"GlobalAveragePool",
       [](const Tensors& in, const Json&) { return Tensors{mean(in[0], {.dims = spatial(in[0]), .keepdim = true})}; }},
      {"GlobalMaxPool",
       [](const Tensors& in, const Json&) { return Tensors{max(in[0], {.dims = spatial(in[0]), .keepdim = true})}; }},
      {"Greater", binary_in_double(gt)},
      {"HardSigmoid", hard_sigmoid},
      {"HardSwish", unary(hardswish)},
      {"LeakyRelu",
       [](const Tensors& in, const Json& a) {
         return Tensors{leaky_relu(in[0], {.negative_slope = a.value("alpha", 0.01)})};
       }},
      {"Less", binary_in_double(lt)},
      {"Log", unary(log)},
      {"LogSoftmax", along_axis(log_softmax)},
      {"MatMul", [](const Tensors& in, const Json&) { return Tensors{matmul(in[0], in[1])}; }},
      {"Max", variadic(maximum)},
      {"Mean", mean_of_all},
      {"Min", variadic(minimum)},
      {"Momentum", momentum},
      {"Mul", binary(mul)},
      {"Neg", unary(neg)},
      {"PRelu", prelu},
      {"Pow", binary_in_double(pow)},
      {"Reciprocal", unary(reciprocal)},
      {"ReduceL1", norm_of(1)},
      {"ReduceL2", norm_of(2)},
      {"ReduceMax", reduction(max)},
      {"ReduceMean", reduction(mean)},
      {"ReduceMin", reduction(min)},
      {"ReduceProd", reduction(prod)},
      {"ReduceSum", reduction(sum)},
      {"ReduceSumSquare", reduction([](const Tensor& x, const ReduceOptions& o) { return sum(mul(x, x), o); })},
      {"Relu", unary(relu)},
      {"Reshape", reshaped},
      {"Selu", selu_of},
      {"Sigmoid", unary(sigmoid)},
      {"Sign", unary(sign)},
      {"Sin", unary(sin)},
      {"Softmax", along_axis(softmax)},
      {"SoftmaxCrossEntropyLoss", softmax_cross_entropy},
      {"Softplus", [](const Tensors& in, const Json&) { return Tensors{softplus(in[0])}; }},
      {"Softsign", unary(softsign)},
      {"Sqrt", unary(sqrt)},
      {"Sub", binary(sub)},
      {"Sum", variadic(add)},
      {"Tanh", unary(tanh)},
      {"Transpose", transposed},
      {"Where", where_of},
  };
  return kCompared;
}

// The other operators, and the function that each needs. Once a public header declares it, the operator is to be
// compared.
const std::map<std::string, std::string> kWaiting{
    {"AveragePool", "avg_pool2d"},
    {"BatchNormalization", "batch_norm"},
    {"Concat", "concat"},
    {"Conv", "conv2d"},
    {"Expand", "expand"},
    {"Gather", "index_select"},
    {"GatherElements", "gather"},
    {"LayerNormalization", "layer_norm"},
    {"MaxPool", "max_pool2d"},
    {"NegativeLogLikelihoodLoss", "nll_loss"},
    {"OneHot", "one_hot"},
    {"ScatterElements", "scatter_add"},
    {"Split", "split"},
    {"Squeeze", "squeeze"},
    {"Tile", "repeat"},
    {"TopK", "topk"},
    {"Unsqueeze", "unsqueeze"},
};

// Cases of compared operators that ours refuses, and what it does not take: these throw.
const std::map<std::string, std::string> kRefused{
    {"test_sce_NCd1_mean_weight_negative_ii", "logits of another rank than 2"},
    {"test_sce_NCd1_mean_weight_negative_ii_log_prob", "logits of another rank than 2"},
    {"test_sce_mean_3d", "logits of another rank than 2"},
    {"test_sce_mean_3d_log_prob", "logits of another rank than 2"},
    {"test_sce_mean_no_weight_ii_3d", "logits of another rank than 2"},
    {"test_sce_mean_no_weight_ii_3d_log_prob", "logits of another rank than 2"},
    {"test_sce_mean_no_weight_ii_4d", "logits of another rank than 2"},
    {"test_sce_mean_weight_ii_3d", "logits of another rank than 2"},
    {"test_sce_mean_weight_ii_3d_log_prob", "logits of another rank than 2"},
    {"test_sce_mean_weight_ii_4d", "logits of another rank than 2"},
};

struct OnnxCase {
  std::string id;
  Json json;
};
void PrintTo(const OnnxCase& c, std::ostream* os) { *os << c.id; }

const Json& all_cases() {
  static const Json kFile = golden::load("onnx_node_vectors.json");
  return kFile.at("cases");
}

// Of compared operators: those that are refused, or the others.
std::vector<OnnxCase> cases(bool is_refused) {
  std::vector<OnnxCase> chosen;
  for (const Json& c : all_cases()) {
    if (compared().contains(c.at("op")) && kRefused.contains(c.at("id")) == is_refused) {
      chosen.push_back({c.at("id"), c});
    }
  }
  return chosen;
}

Tensor read(const Json& tensor) {
  const std::string dtype = tensor.at("dtype");
  const Shape shape = golden::shape_from_json(tensor.at("shape"));
  if (dtype == "float32") return golden::tensor_from_values(tensor.at("data"), shape);
  const Tensor numbers = golden::tensor_from_values(tensor.at("data"), shape, DType::i64);
  if (dtype == "int32") return numbers.to(DType::i32);
  if (dtype == "bool") return numbers.to(DType::boolean);
  if (dtype != "int64") throw std::runtime_error("unknown dtype " + dtype);
  return numbers;
}

Tensors run(const Json& c) {
  // Operands that are given, in order, at the positions of names that are not empty.
  Tensors in;
  size_t given = 0;
  for (const Json& name : c.at("node_inputs")) in.push_back(name == "" ? Tensor() : read(c.at("in").at(given++)));
  return compared().at(c.at("op"))(in, c.at("attrs"));
}

class OnnxOps : public testing::TestWithParam<OnnxCase> {};

TEST_P(OnnxOps, Agree) {
  const Json& expected = GetParam().json.at("out");
  const Tensors out = run(GetParam().json);
  ASSERT_GE(out.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    SCOPED_TRACE("output " + std::to_string(i));
    golden::expect_close(out[i], read(expected[i]));
  }
}

const auto kName = [](const testing::TestParamInfo<OnnxCase>& info) { return info.param.id; };
INSTANTIATE_TEST_SUITE_P(Golden, OnnxOps, testing::ValuesIn(cases(false)), kName);

TEST(OnnxOpsTable, HoldsEveryOperatorOnce) {
  std::set<std::string> listed;
  for (const auto& [op, run_it] : compared()) listed.insert(op);
  for (const auto& [op, function] : kWaiting) EXPECT_TRUE(listed.insert(op).second) << op << " is in both lists";
  std::set<std::string> operators;
  for (const Json& c : all_cases()) operators.insert(c.at("op"));
  EXPECT_EQ(listed, operators);
  EXPECT_EQ(cases(false).size(), kComparedCases);
}

TEST(OnnxOpsTable, LeavesOutNothingThatCouldRun) {
  const std::set<std::string> declared = declared_functions("[\\w:<>]+");
  ASSERT_TRUE(declared.contains("relu")) << "the declarations were not found";
  for (const auto& [op, function] : kWaiting) {
    EXPECT_FALSE(declared.contains(function)) << function << " exists: " << op << " is to be compared";
  }
  const std::vector<OnnxCase> refused = cases(true);
  EXPECT_EQ(refused.size(), kRefused.size());
  for (const OnnxCase& c : refused) EXPECT_THROW(run(c.json), Error) << c.id;
}

}  // namespace
}  // namespace gossamer::test_onnx_ops
