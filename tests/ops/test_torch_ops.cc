// Every operation that exists against PyTorch's results and gradients (tests/golden/torch_ops.json).
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/ops.h"
#include "tests/ops/declared.h"
#include "tests/support/golden.h"

namespace gossamer::test_torch_ops {
namespace {

using golden::Json;
using Inputs = std::map<std::string, Tensor>;
using Operation = std::function<Tensor(const Inputs&, const Json& attrs)>;

constexpr int kDefaultDim = -1;

ReduceOptions reduce_options(const Json& attrs) {
  ReduceOptions options{.keepdim = attrs.value("keepdim", false)};
  const Json& dim = attrs.at("dim");
  if (dim.is_number()) options.dims = {dim.get<int>()};
  if (dim.is_array()) options.dims = dim.get<std::vector<int>>();
  return options;
}

Reduction reduction_of(const Json& attrs) {
  const std::string reduction = attrs.value("reduction", "mean");
  return reduction == "mean" ? Reduction::Mean : reduction == "none" ? Reduction::None : Reduction::Sum;
}

Tensor compare_cross_entropy(const Inputs& in, const Json& attrs) {
  CrossEntropyOptions options;
  options.reduction = reduction_of(attrs);
  options.label_smoothing = attrs.value("label_smoothing", options.label_smoothing);
  options.ignore_index = attrs.value("ignore_index", options.ignore_index);
  if (attrs.contains("weight")) options.weight = in.at("w");
  return cross_entropy(in.at("x"), in.at("t"), options);
}

// The vectors have the sum over samples: "batchmean".
Tensor compare_kl_div(const Inputs& in, const Json& attrs) {
  if (attrs.at("reduction") != "batchmean") throw std::runtime_error("another reduction than the one known");
  const Tensor& x = in.at("x");
  const Tensor sum = kl_div(log_softmax(x), in.at("t"), {.reduction = Reduction::Sum});
  return mul_scalar(sum, 1 / static_cast<double>(x.dim(0)));
}

Tensor compare_embedding(const Inputs& in, const Json& attrs) {
  EmbeddingOptions options;
  if (attrs.contains("padding_idx")) options.padding_idx = attrs.at("padding_idx").get<int64_t>();
  return embedding(in.at("i"), in.at("w"), options);
}

// Running statistics afterwards are compared in test_normalization.cc.
Tensor compare_batch_norm(const Inputs& in, const Json& attrs) {
  return batch_norm(in.at("x"), in.at("w"), in.at("b"),
                    {.running_mean = in.at("rm"),
                     .running_var = in.at("rv"),
                     .training = attrs.at("training").get<bool>(),
                     .momentum = attrs.at("momentum").get<double>(),
                     .eps = attrs.at("eps").get<double>()});
}

Tensor compare_conv1d(const Inputs& in, const Json& attrs) {
  return conv1d(in.at("x"), in.at("w"), in.contains("b") ? in.at("b") : Tensor(),
                {.stride = attrs.at("stride").get<int64_t>(), .padding = attrs.at("padding").get<int64_t>()});
}

Tensor compare_conv2d(const Inputs& in, const Json& attrs) {
  return conv2d(in.at("x"), in.at("w"), in.contains("b") ? in.at("b") : Tensor(),
                {.stride = attrs.at("stride").get<int64_t>(),
                 .padding = attrs.at("padding").get<int64_t>(),
                 .dilation = attrs.at("dilation").get<int64_t>(),
                 .groups = attrs.at("groups").get<int64_t>()});
}

// The operations that exist, by their names in the vectors.
const std::map<std::string, Operation>& compared() {
  static const std::map<std::string, Operation> kCompared{
      {"add", [](const Inputs& in, const Json&) { return in.at("a") + in.at("b"); }},
      {"sub", [](const Inputs& in, const Json&) { return in.at("a") - in.at("b"); }},
      {"mul", [](const Inputs& in, const Json&) { return in.at("a") * in.at("b"); }},
      {"div", [](const Inputs& in, const Json&) { return in.at("a") / in.at("b"); }},
      {"neg", [](const Inputs& in, const Json&) { return -in.at("x"); }},
      {"square", [](const Inputs& in, const Json&) { return in.at("x") * in.at("x"); }},
      {"relu", [](const Inputs& in, const Json&) { return relu(in.at("x")); }},
      {"exp", [](const Inputs& in, const Json&) { return exp(in.at("x")); }},
      {"log", [](const Inputs& in, const Json&) { return log(in.at("x")); }},
      {"sqrt", [](const Inputs& in, const Json&) { return sqrt(in.at("x")); }},
      {"rsqrt", [](const Inputs& in, const Json&) { return rsqrt(in.at("x")); }},
      {"abs", [](const Inputs& in, const Json&) { return abs(in.at("x")); }},
      {"sin", [](const Inputs& in, const Json&) { return sin(in.at("x")); }},
      {"cos", [](const Inputs& in, const Json&) { return cos(in.at("x")); }},
      {"tanh", [](const Inputs& in, const Json&) { return tanh(in.at("x")); }},
      {"sigmoid", [](const Inputs& in, const Json&) { return sigmoid(in.at("x")); }},
      {"silu", [](const Inputs& in, const Json&) { return silu(in.at("x")); }},
      {"gelu",
       [](const Inputs& in, const Json& attrs) {
         const bool is_tanh = attrs.at("approximate") == "tanh";
         return gelu(in.at("x"), {.approximate = is_tanh ? GeluApproximation::Tanh : GeluApproximation::None});
       }},
      {"leaky_relu",
       [](const Inputs& in, const Json& attrs) {
         return leaky_relu(in.at("x"), {.negative_slope = attrs.at("negative_slope").get<double>()});
       }},
      {"pow", [](const Inputs& in, const Json& attrs) { return pow(in.at("x"), attrs.at("exponent").get<double>()); }},
      {"reciprocal", [](const Inputs& in, const Json&) { return reciprocal(in.at("x")); }},
      {"erf", [](const Inputs& in, const Json&) { return erf(in.at("x")); }},
      {"elu",
       [](const Inputs& in, const Json& attrs) { return elu(in.at("x"), {.alpha = attrs.at("alpha").get<double>()}); }},
      {"clamp",
       [](const Inputs& in, const Json& attrs) {
         return clamp(in.at("x"), {.min = attrs.at("min").get<double>(), .max = attrs.at("max").get<double>()});
       }},
      {"maximum", [](const Inputs& in, const Json&) { return maximum(in.at("a"), in.at("b")); }},
      {"minimum", [](const Inputs& in, const Json&) { return minimum(in.at("a"), in.at("b")); }},
      {"where",
       [](const Inputs& in, const Json&) { return where(in.at("c").to(DType::boolean), in.at("a"), in.at("b")); }},
      {"masked_fill",
       [](const Inputs& in, const Json& attrs) {
         return masked_fill(in.at("x"), in.at("m").to(DType::boolean), attrs.at("value").get<double>());
       }},
      {"softplus", [](const Inputs& in, const Json&) { return softplus(in.at("x")); }},
      {"dropout",
       [](const Inputs& in, const Json& attrs) {
         const double p = attrs.at("training").get<bool>() ? attrs.at("p").get<double>() : 0;
         return dropout(in.at("x"), p, 1);
       }},
      {"sum", [](const Inputs& in, const Json& attrs) { return sum(in.at("x"), reduce_options(attrs)); }},
      {"mean", [](const Inputs& in, const Json& attrs) { return mean(in.at("x"), reduce_options(attrs)); }},
      {"amax", [](const Inputs& in, const Json& attrs) { return max(in.at("x"), reduce_options(attrs)); }},
      {"prod", [](const Inputs& in, const Json& attrs) { return prod(in.at("x"), reduce_options(attrs)); }},
      {"logsumexp", [](const Inputs& in, const Json& attrs) { return logsumexp(in.at("x"), reduce_options(attrs)); }},
      {"norm",
       [](const Inputs& in, const Json& attrs) { return norm(in.at("x"), {.p = attrs.at("p").get<double>()}); }},
      {"var",
       [](const Inputs& in, const Json& attrs) {
         const double correction = attrs.at("unbiased").get<bool>() ? 1 : 0;
         return var(in.at("x"), {.dims = {attrs.at("dim").get<int>()}, .correction = correction});
       }},
      {"cumsum", [](const Inputs& in, const Json& attrs) { return cumsum(in.at("x"), attrs.at("dim").get<int>()); }},
      {"matmul", [](const Inputs& in, const Json&) { return matmul(in.at("a"), in.at("b")); }},
      {"linear", [](const Inputs& in,
                    const Json&) { return linear(in.at("x"), in.at("w"), in.contains("b") ? in.at("b") : Tensor()); }},
      {"softmax",
       [](const Inputs& in, const Json& attrs) { return softmax(in.at("x"), attrs.value("dim", kDefaultDim)); }},
      {"log_softmax",
       [](const Inputs& in, const Json& attrs) { return log_softmax(in.at("x"), attrs.value("dim", kDefaultDim)); }},
      {"layer_norm",
       [](const Inputs& in, const Json& attrs) {
         return layer_norm(in.at("x"), golden::shape_from_json(attrs.at("normalized_shape")), in.at("w"), in.at("b"),
                           {.eps = attrs.at("eps").get<double>()});
       }},
      {"rms_norm",
       [](const Inputs& in, const Json& attrs) {
         return rms_norm(in.at("x"), in.at("w").shape(), in.at("w"), {.eps = attrs.at("eps").get<double>()});
       }},
      {"batch_norm", compare_batch_norm},
      {"group_norm",
       [](const Inputs& in, const Json& attrs) {
         return group_norm(in.at("x"), attrs.at("groups").get<int64_t>(), in.at("w"), in.at("b"),
                           {.eps = attrs.at("eps").get<double>()});
       }},
      {"max_pool2d",
       [](const Inputs& in, const Json& attrs) {
         return max_pool2d(in.at("x"), {.kernel = attrs.at("kernel").get<int64_t>(),
                                        .stride = attrs.at("stride").get<int64_t>(),
                                        .padding = attrs.at("padding").get<int64_t>()});
       }},
      {"avg_pool2d",
       [](const Inputs& in, const Json& attrs) {
         return avg_pool2d(in.at("x"), {.kernel = attrs.at("kernel").get<int64_t>(),
                                        .stride = attrs.at("stride").get<int64_t>(),
                                        .padding = attrs.at("padding").get<int64_t>(),
                                        .count_include_pad = attrs.at("count_include_pad").get<bool>()});
       }},
      {"adaptive_avg_pool2d",
       [](const Inputs& in, const Json& attrs) {
         const auto size = attrs.at("output").get<std::vector<int64_t>>();
         return adaptive_avg_pool2d(in.at("x"), {size.at(0), size.at(1)});
       }},
      {"cross_entropy", compare_cross_entropy},
      {"nll_loss",
       [](const Inputs& in, const Json& attrs) {
         return nll_loss(in.at("x"), in.at("t"), {.reduction = reduction_of(attrs)});
       }},
      {"mse_loss",
       [](const Inputs& in, const Json& attrs) {
         return mse_loss(in.at("x"), in.at("t"), {.reduction = reduction_of(attrs)});
       }},
      {"l1_loss",
       [](const Inputs& in, const Json& attrs) {
         return l1_loss(in.at("x"), in.at("t"), {.reduction = reduction_of(attrs)});
       }},
      {"smooth_l1_loss",
       [](const Inputs& in, const Json& attrs) {
         return smooth_l1_loss(in.at("x"), in.at("t"), {.beta = attrs.at("beta").get<double>()});
       }},
      {"bce_with_logits",
       [](const Inputs& in, const Json& attrs) {
         return bce_with_logits(in.at("x"), in.at("t"), {.reduction = reduction_of(attrs)});
       }},
      {"kl_div", compare_kl_div},
      {"embedding", compare_embedding},
      {"conv1d", compare_conv1d},
      {"conv2d", compare_conv2d},
      {"sdpa",
       [](const Inputs& in, const Json& attrs) {
         return scaled_dot_product_attention(in.at("q"), in.at("k"), in.at("v"),
                                             {.causal = attrs.at("causal").get<bool>()});
       }},
      {"transpose", [](const Inputs& in, const Json&) { return mul_scalar(transpose(in.at("x"), 0, 1), 2); }},
      {"slice",
       [](const Inputs& in, const Json& attrs) {
         if (attrs.at("slice") != "[1:, ::2]") throw std::runtime_error("another slice than the one known");
         const Tensor rows = slice(in.at("x"), 1, in.at("x").dim(0));
         return slice(rows, {.dim = 1, .begin = 0, .end = rows.dim(1), .step = 2});
       }},
      {"cat",
       [](const Inputs& in, const Json& attrs) {
         return concat({in.at("a"), in.at("b")}, attrs.at("dim"));
       }},
      {"gather", [](const Inputs& in, const Json& attrs) { return gather(in.at("x"), attrs.at("dim"), in.at("i")); }},
      {"index_select",
       [](const Inputs& in, const Json& attrs) { return index_select(in.at("x"), attrs.at("dim"), in.at("i")); }},
      {"reuse",
       [](const Inputs& in, const Json&) {
         const Tensor& x = in.at("x");
         return sum(x * x + sum(x) * x);
       }},
      {"mlp",
       [](const Inputs& in, const Json&) {
         const Tensor hidden = relu(linear(in.at("x"), in.at("w1"), in.at("b1")));
         return cross_entropy(linear(hidden, in.at("w2"), in.at("b2")), in.at("t"));
       }},
  };
  return kCompared;
}

// Compared by a test of their own.
const std::set<std::string> kElsewhere{"sparse_linear"};

struct TorchCase {
  std::string id;
  Json json;
};
void PrintTo(const TorchCase& c, std::ostream* os) { *os << c.id; }

// The cases whose operation is one of those wanted.
std::vector<TorchCase> cases(const std::function<bool(const std::string&)>& wanted) {
  const Json file = golden::load("torch_ops.json");
  std::vector<TorchCase> chosen;
  for (const Json& c : file.at("cases")) {
    if (wanted(c.at("op"))) chosen.push_back({c.at("id"), c});
  }
  return chosen;
}

// The numbers are float64 results rounded to float32: in f64 only that rounding is left.
double rtol(DType dtype) { return dtype == DType::f32 ? 1e-5 : 1e-7; }
double atol(DType dtype) { return dtype == DType::f32 ? 1e-6 : 1e-9; }

Tensor read(const Json& tensor, DType dtype) {
  const Tensor x = golden::tensor_from_json(tensor);
  return is_floating(x.dtype()) ? x.to(dtype) : x;
}

class TorchOps : public testing::TestWithParam<TorchCase> {};

TEST_P(TorchOps, AgreesForwardAndBackward) {
  const Json& c = GetParam().json;
  for (const DType dtype : {DType::f32, DType::f64}) {
    SCOPED_TRACE(dtype_name(dtype));
    Inputs in;
    for (const auto& [name, tensor] : c.at("in").items()) in[name] = read(tensor, dtype);
    for (const auto& [name, grad] : c.at("grad_in").items()) in.at(name).set_requires_grad();
    const Tensor out = compared().at(c.at("op"))(in, c.at("attrs"));
    golden::expect_close(out.detach(), read(c.at("out"), dtype), rtol(dtype), atol(dtype));
    out.backward(read(c.at("grad_out"), dtype));
    for (const auto& [name, grad] : c.at("grad_in").items()) {
      SCOPED_TRACE("gradient of " + name);
      golden::expect_close(in.at(name).grad(), read(grad, dtype), rtol(dtype), atol(dtype));
    }
  }
}

const auto kName = [](const testing::TestParamInfo<TorchCase>& info) {
  return std::regex_replace(info.param.id, std::regex("[^A-Za-z0-9]"), "_");
};
INSTANTIATE_TEST_SUITE_P(Golden, TorchOps,
                         testing::ValuesIn(cases([](const std::string& op) { return compared().contains(op); })),
                         kName);

class TorchSparseLinear : public testing::TestWithParam<TorchCase> {};

TEST_P(TorchSparseLinear, AgreesForwardAndBackwardAtTheNonzeros) {
  const Json& c = GetParam().json;
  for (const DType dtype : {DType::f32, DType::f64}) {
    SCOPED_TRACE(dtype_name(dtype));
    const auto pattern = CsrPattern::from_mask(read(c.at("in").at("m"), dtype).to(DType::boolean));
    Tensor x = read(c.at("in").at("x"), dtype).set_requires_grad();
    Tensor values = pattern->gather(read(c.at("in").at("w"), dtype)).set_requires_grad();
    Tensor bias = read(c.at("in").at("b"), dtype).set_requires_grad();
    const Tensor out = csr_linear(x, pattern, values, bias);
    golden::expect_close(out.detach(), read(c.at("out"), dtype), rtol(dtype), atol(dtype));
    out.backward(read(c.at("grad_out"), dtype));
    const Json& grads = c.at("grad_in");
    golden::expect_close(x.grad(), read(grads.at("x"), dtype), rtol(dtype), atol(dtype));
    golden::expect_close(pattern->dense(values.grad()), read(grads.at("w"), dtype), rtol(dtype), atol(dtype));
    golden::expect_close(bias.grad(), read(grads.at("b"), dtype), rtol(dtype), atol(dtype));
  }
}
INSTANTIATE_TEST_SUITE_P(Golden, TorchSparseLinear,
                         testing::ValuesIn(cases([](const std::string& op) { return op == "sparse_linear"; })), kName);

TEST(TorchOpsTable, HoldsEveryOperationOfTheVectorsThatExists) {
  const std::set<std::string> declared = declared_functions("Tensor");
  EXPECT_EQ(cases([](const std::string& op) { return compared().contains(op); }).size(), 111);
  EXPECT_EQ(cases([](const std::string& op) { return kElsewhere.contains(op); }).size(), 5);
  ASSERT_TRUE(declared.contains("relu")) << "the declarations were not found";
  const std::vector<TorchCase> all = cases([](const std::string&) { return true; });
  for (const TorchCase& c : all) {
    const std::string op = c.json.at("op");
    const bool is_compared = compared().contains(op) || kElsewhere.contains(op);
    EXPECT_TRUE(is_compared || !declared.contains(op)) << op << " is declared and not compared";
  }
}

}  // namespace
}  // namespace gossamer::test_torch_ops
