// Every operator of ONNX that the operations can express against its node tests (tests/golden/onnx_node_vectors.json).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

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
// Of any number of operands, one after the other.
Operator variadic(Tensor (*f)(const Tensor&, const Tensor&)) {
  return [f](const Tensors& in, const Json&) { return Tensors{std::accumulate(in.begin() + 1, in.end(), in[0], f)}; };
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
// Of one function of the overloads of a name.
Operator reduction_by(Tensor (*f)(const Tensor&, const ReduceOptions&)) { return reduction(f); }
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
  if (!attrs.contains("alpha")) return {selu(in[0])};
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

template <class Options>
Options loss_options(const Tensors& in, const Json& attrs) {
  const std::string reduction = attrs.at("reduction");
  Options options;
  options.reduction = reduction == "mean" ? Reduction::Mean : reduction == "sum" ? Reduction::Sum : Reduction::None;
  options.ignore_index = attrs.value("ignore_index", options.ignore_index);
  if (in.size() > 2) options.weight = in[2];
  return options;
}
Tensors softmax_cross_entropy(const Tensors& in, const Json& attrs) {
  return {cross_entropy(in[0], in[1], loss_options<CrossEntropyOptions>(in, attrs)), log_softmax(in[0], 1)};
}
Tensors negative_log_likelihood(const Tensors& in, const Json& attrs) {
  return {nll_loss(in[0], in[1], loss_options<NllLossOptions>(in, attrs))};
}

Tensors transposed(const Tensors& in, const Json& attrs) {
  std::vector<int> order(static_cast<size_t>(in[0].rank()));
  std::iota(order.rbegin(), order.rend(), 0);
  return {permute(in[0], attrs.value("perm", order))};
}

// ONNX has powers of integers too: taken in double, which holds those of the tests exactly.
Tensors power(const Tensors& in, const Json&) {
  return {pow(in[0].to(DType::f64), in[1].to(DType::f64)).to(in[0].dtype())};
}

// Axes as dimensions of a tensor of the given rank, in order.
std::vector<int> dims_of(const std::vector<int64_t>& axes, int rank) {
  std::vector<int> dims;
  for (const int64_t axis : axes) dims.push_back(static_cast<int>(axis < 0 ? axis + rank : axis));
  std::sort(dims.begin(), dims.end());
  return dims;
}
std::vector<int64_t> axes_of(const Tensors& in, const Json& attrs) {
  return in.size() > 1 ? integers(in[1]) : attrs.value("axes", std::vector<int64_t>());
}

Tensors squeezed(const Tensors& in, const Json& attrs) {
  std::vector<int> dims = dims_of(axes_of(in, attrs), in[0].rank());
  Tensor y = in[0];
  for (size_t i = dims.size(); i-- > 0;) y = squeeze(y, dims[i]);
  return {y};
}
Tensors unsqueezed(const Tensors& in, const Json& attrs) {
  const std::vector<int64_t> axes = axes_of(in, attrs);
  Tensor y = in[0];
  for (const int dim : dims_of(axes, y.rank() + static_cast<int>(axes.size()))) y = unsqueeze(y, dim);
  return {y};
}

// ONNX stretches the operand too, where the shape asked for has 1.
Tensors expanded(const Tensors& in, const Json&) {
  std::vector<int64_t> dims = integers(in[1]);
  const int extra = static_cast<int>(dims.size()) - in[0].rank();
  for (int i = std::max(0, -extra); i < in[0].rank(); ++i) {
    int64_t& size = dims[static_cast<size_t>(i + extra)];
    if (size == 1) size = in[0].dim(i);
  }
  return {expand(in[0], Shape(dims))};
}

Tensors splits(const Tensors& in, const Json& attrs) {
  const int dim = attrs.value("axis", 0);
  if (in.size() > 1) return split(in[0], integers(in[1]), dim);
  return split(in[0], in[0].dim(dim) / attrs.at("outputs").get<int64_t>(), dim);
}

// ONNX counts negative indices from the end.
Tensor wrapped(const Tensor& indices, int64_t size) {
  Tensor y = indices.to(DType::i64).clone();
  int64_t* const data = y.mutable_data<int64_t>();
  for (int64_t i = 0; i < y.numel(); ++i) data[i] += data[i] < 0 ? size : 0;
  return y;
}

Tensors gathered(const Tensors& in, const Json& attrs) {
  const int dim = attrs.value("axis", 0);
  const Tensor rows = index_select(in[0], dim, reshape(wrapped(in[1], in[0].dim(dim)), {in[1].numel()}));
  std::vector<int64_t> dims(in[0].shape().begin(), in[0].shape().end());
  dims.erase(dims.begin() + dim);
  dims.insert(dims.begin() + dim, in[1].shape().begin(), in[1].shape().end());
  return {reshape(rows, Shape(dims))};
}
Tensors gathered_elements(const Tensors& in, const Json& attrs) {
  const int dim = attrs.value("axis", 0);
  return {gather(in[0], dim, wrapped(in[1], in[0].dim(dim)))};
}
Tensors scattered_elements(const Tensors& in, const Json& attrs) {
  const int dim = attrs.value("axis", 0);
  const Tensor index = wrapped(in[1], in[0].dim(dim));
  const bool adds = attrs.value("reduction", "none") == "add";
  return {adds ? scatter_add(in[0], dim, index, in[2]) : scatter(in[0], dim, index, in[2])};
}

// Classes last, then moved to the axis; values are those for 0 and for 1.
Tensors one_hot_of(const Tensors& in, const Json& attrs) {
  const auto classes = in[1].item<int64_t>();
  const Tensor last = one_hot(wrapped(in[0], classes), {.classes = classes});
  const int axis = attrs.value("axis", -1);
  std::vector<int> order(static_cast<size_t>(in[0].rank()));
  std::iota(order.begin(), order.end(), 0);
  order.insert(order.begin() + (axis < 0 ? axis + last.rank() : axis), in[0].rank());
  const Tensor values = in[2].to(DType::f32);
  return {where(permute(last, order).to(DType::boolean), slice(values, 1, 2), slice(values, 0, 1)).to(in[2].dtype())};
}

Tensors top_k(const Tensors& in, const Json& attrs) {
  const auto [values, indices] =
      topk(in[0], in[1].item<int64_t>(), {.dim = attrs.value("axis", -1), .largest = flag(attrs, "largest", true)});
  return {values, indices};
}

// ---- Normalization ----

Tensors layer_normalization(const Tensors& in, const Json& attrs) {
  const Tensor& x = in[0];
  const int axis = attrs.value("axis", -1);
  const int first = axis < 0 ? axis + x.rank() : axis;
  std::vector<int> dims(static_cast<size_t>(x.rank() - first));
  std::iota(dims.begin(), dims.end(), first);
  const double eps = attrs.value("epsilon", 1e-5);
  const Shape shape(x.shape().dims().subspan(static_cast<size_t>(first)));
  const Tensor variance = var(x, {.dims = dims, .keepdim = true, .correction = 0});
  return {layer_norm(x, shape, in[1], in[2], {.eps = eps}), mean(x, {.dims = dims, .keepdim = true}),
          rsqrt(add_scalar(variance, eps))};
}

Tensors batch_normalization(const Tensors& in, const Json& attrs) {
  const bool training = flag(attrs, "training_mode", false);
  const double kept = attrs.value("momentum", 0.9);
  const Tensor running_mean = in[3].clone();
  const Tensor y = batch_norm(in[0], in[1], in[2],
                              {.running_mean = running_mean,
                               .running_var = in[4].clone(),
                               .training = training,
                               .momentum = 1 - kept,
                               .eps = attrs.value("epsilon", 1e-5)});
  // ONNX's running variance takes up the biased variance of the batch, torch's and ours the unbiased one.
  const Tensor biased = var(in[0], {.dims = {0, 2, 3}, .correction = 0});
  return {y, running_mean, add(mul_scalar(in[4], kept), mul_scalar(biased, 1 - kept))};
}

// ---- Pooling ----

// Windows of one dimension become those of images one row high.
struct Windows {
  Tensor x;
  bool is_line;
  Size2d kernel, stride, padding, padding_end, dilation;
};

Windows windows_of(const Tensor& x, const Json& attrs) {
  const bool is_line = x.rank() == 3;
  const auto size = [&](const char* name, size_t first, int64_t otherwise) {
    if (!attrs.contains(name)) return Size2d(otherwise);
    const std::vector<int64_t> sizes = attrs.at(name);
    return is_line ? Size2d(otherwise, sizes.at(first / 2)) : Size2d(sizes.at(first), sizes.at(first + 1));
  };
  Windows w{is_line ? unsqueeze(x, 2) : x,
            is_line,
            size("kernel_shape", 0, 1),
            size("strides", 0, 1),
            size("pads", 0, 0),
            size("pads", 2, 0),
            size("dilations", 0, 1)};
  const std::string auto_pad = attrs.value("auto_pad", "NOTSET");
  if (auto_pad.starts_with("SAME_")) {
    const auto missing = [](int64_t length, int64_t kernel, int64_t stride) {
      return std::max<int64_t>(0, ((length + stride - 1) / stride - 1) * stride + kernel - length);
    };
    const Size2d total(missing(w.x.dim(2), w.kernel.h, w.stride.h), missing(w.x.dim(3), w.kernel.w, w.stride.w));
    w.padding = {total.h / 2, total.w / 2};
    w.padding_end = {total.h - total.h / 2, total.w - total.w / 2};
    if (auto_pad == "SAME_LOWER") std::swap(w.padding, w.padding_end);
  }
  return w;
}

Tensors average_pool(const Tensors& in, const Json& attrs) {
  const Windows w = windows_of(in[0], attrs);
  const Tensor y = avg_pool2d(w.x, {.kernel = w.kernel,
                                    .stride = w.stride,
                                    .padding = w.padding,
                                    .padding_end = w.padding_end,
                                    .ceil_mode = flag(attrs, "ceil_mode", false),
                                    .count_include_pad = flag(attrs, "count_include_pad", false)});
  return {w.is_line ? squeeze(y, 2) : y};
}

Tensors convolution(const Tensors& in, const Json& attrs) {
  const Windows w = windows_of(in[0], attrs);
  if (!(w.padding == w.padding_end)) throw std::runtime_error("conv2d pads both ends alike");
  return {conv2d(w.x, in[1], {}, {.stride = w.stride, .padding = w.padding, .dilation = w.dilation})};
}

Tensors max_pool(const Tensors& in, const Json& attrs) {
  const Windows w = windows_of(in[0], attrs);
  auto [y, indices] = max_pool2d_with_indices(w.x, {.kernel = w.kernel,
                                                    .stride = w.stride,
                                                    .padding = w.padding,
                                                    .padding_end = w.padding_end,
                                                    .dilation = w.dilation,
                                                    .ceil_mode = flag(attrs, "ceil_mode", false)});
  if (flag(attrs, "storage_order", false)) {  // column by column; the tests have one plane
    int64_t* const at = indices.mutable_data<int64_t>();
    const int64_t rows = w.x.dim(2);
    const int64_t cols = w.x.dim(3);
    for (int64_t i = 0; i < indices.numel(); ++i) at[i] = at[i] % cols * rows + at[i] / cols;
  }
  return {w.is_line ? squeeze(y, 2) : y, indices};
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
constexpr size_t kComparedCases = 359;
const std::map<std::string, Operator>& compared() {
  static const std::map<std::string, Operator> kCompared{
      {"Abs", unary(abs)},
      {"Adagrad", adagrad},
      {"Adam", adam},
      {"Add", binary(add)},
      {"ArgMax", arg_max},
      {"AveragePool", average_pool},
      {"BatchNormalization", batch_normalization},
      {"Clip", clip},
      {"Conv", convolution},
      {"Concat", [](const Tensors& in, const Json& attrs) { return Tensors{concat(in, attrs.at("axis").get<int>())}; }},
      {"Div", binary(div)},
      {"Elu", [](const Tensors& in, const Json& a) { return Tensors{elu(in[0], {.alpha = a.value("alpha", 1.0)})}; }},
      {"Equal", binary(eq)},
      {"Exp", unary(exp)},
      {"Expand", expanded},
      {"Flatten", flatten},
      {"Gather", gathered},
      {"GatherElements", gathered_elements},
      {"Gemm", gemm},
      {"GlobalAveragePool",
       [](const Tensors& in, const Json&) { return Tensors{mean(in[0], {.dims = spatial(in[0]), .keepdim = true})}; }},
      {"GlobalMaxPool",
       [](const Tensors& in, const Json&) { return Tensors{max(in[0], {.dims = spatial(in[0]), .keepdim = true})}; }},
      {"Greater", binary(gt)},
      {"HardSigmoid", hard_sigmoid},
      {"HardSwish", unary(hardswish)},
      {"LayerNormalization", layer_normalization},
      {"LeakyRelu",
       [](const Tensors& in, const Json& a) {
         return Tensors{leaky_relu(in[0], {.negative_slope = a.value("alpha", 0.01)})};
       }},
      {"Less", binary(lt)},
      {"Log", unary(log)},
      {"LogSoftmax", along_axis(log_softmax)},
      {"MatMul", [](const Tensors& in, const Json&) { return Tensors{matmul(in[0], in[1])}; }},
      {"Max", variadic(maximum)},
      {"MaxPool", max_pool},
      {"Mean", mean_of_all},
      {"Min", variadic(minimum)},
      {"Momentum", momentum},
      {"Mul", binary(mul)},
      {"Neg", unary(neg)},
      {"NegativeLogLikelihoodLoss", negative_log_likelihood},
      {"OneHot", one_hot_of},
      {"PRelu", prelu},
      {"Pow", power},
      {"Reciprocal", unary(reciprocal)},
      {"ReduceL1", norm_of(1)},
      {"ReduceL2", norm_of(2)},
      {"ReduceMax", reduction_by(max)},
      {"ReduceMean", reduction_by(mean)},
      {"ReduceMin", reduction_by(min)},
      {"ReduceProd", reduction_by(prod)},
      {"ReduceSum", reduction_by(sum)},
      {"ReduceSumSquare", reduction([](const Tensor& x, const ReduceOptions& o) { return sum(mul(x, x), o); })},
      {"Relu", unary(relu)},
      {"Reshape", reshaped},
      {"ScatterElements", scattered_elements},
      {"Selu", selu_of},
      {"Sigmoid", unary(sigmoid)},
      {"Sign", unary(sign)},
      {"Sin", unary(sin)},
      {"Softmax", along_axis(softmax)},
      {"SoftmaxCrossEntropyLoss", softmax_cross_entropy},
      {"Softplus", [](const Tensors& in, const Json&) { return Tensors{softplus(in[0])}; }},
      {"Softsign", unary(softsign)},
      {"Split", splits},
      {"Sqrt", unary(sqrt)},
      {"Squeeze", squeezed},
      {"Sub", binary(sub)},
      {"Sum", variadic(add)},
      {"Tanh", unary(tanh)},
      {"Tile", [](const Tensors& in, const Json&) { return Tensors{repeat(in[0], integers(in[1]))}; }},
      {"TopK", top_k},
      {"Transpose", transposed},
      {"Unsqueeze", unsqueezed},
      {"Where", [](const Tensors& in, const Json&) { return Tensors{where(in[0], in[1], in[2])}; }},
  };
  return kCompared;
}

// The other operators, and the function that each needs. Once a public header declares it, the operator is to be
// compared.
const std::map<std::string, std::string> kWaiting{};

struct OnnxCase {
  std::string id;
  Json json;
};
void PrintTo(const OnnxCase& c, std::ostream* os) { *os << c.id; }

const Json& all_cases() {
  static const Json kFile = golden::load("onnx_node_vectors.json");
  return kFile.at("cases");
}

// Those of compared operators.
std::vector<OnnxCase> cases() {
  std::vector<OnnxCase> chosen;
  for (const Json& c : all_cases()) {
    if (compared().contains(c.at("op"))) chosen.push_back({c.at("id"), c});
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
  Json attrs = c.at("attrs");
  attrs["outputs"] = c.at("out").size();
  return compared().at(c.at("op"))(in, attrs);
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
INSTANTIATE_TEST_SUITE_P(Golden, OnnxOps, testing::ValuesIn(cases()), kName);

TEST(OnnxOpsTable, HoldsEveryOperatorOnce) {
  std::set<std::string> listed;
  for (const auto& [op, run_it] : compared()) listed.insert(op);
  for (const auto& [op, function] : kWaiting) EXPECT_TRUE(listed.insert(op).second) << op << " is in both lists";
  std::set<std::string> operators;
  for (const Json& c : all_cases()) operators.insert(c.at("op"));
  EXPECT_EQ(listed, operators);
  EXPECT_EQ(cases().size(), kComparedCases);
}

TEST(OnnxOpsTable, LeavesOutNothingThatCouldRun) {
  const std::set<std::string> declared = declared_functions("[\\w:<>]+");
  ASSERT_TRUE(declared.contains("relu")) << "the declarations were not found";
  for (const auto& [op, function] : kWaiting) {
    EXPECT_FALSE(declared.contains(function)) << function << " exists: " << op << " is to be compared";
  }
}

}  // namespace
}  // namespace gossamer::test_onnx_ops
