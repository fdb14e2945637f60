#include "tests/support/golden.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <sstream>
#include <stdexcept>

namespace gossamer::golden {

// Given to this file alone: in the other files a path would keep a compiler cache from serving two checkouts.
std::filesystem::path directory() { return GOSSAMER_GOLDEN_DIR; }

Json load(const std::string& name) {
  // Pinned, so that vectors that got lost do not pass unseen.
  static const std::map<std::string, size_t> kCases{
      {"cstorch_sparse.json", 215},     {"cstorch_train.json", 6}, {"external_masks.json", 54},
      {"idx_corpus.json", 24},          {"npy_corpus.json", 89},   {"onnx_node_vectors.json", 359},
      {"safetensors_corpus.json", 164}, {"torch_lr.json", 19},     {"torch_ops.json", 116},
      {"torch_optim.json", 28},         {"torch_weights.json", 4}, {"yaml_pyyaml.json", 120},
  };
  const std::filesystem::path path = directory() / name;
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot open " + path.string());
  Json json = Json::parse(file);
  const auto pinned = kCases.find(name);
  if (pinned != kCases.end() && json.at("cases").size() != pinned->second) {
    throw std::runtime_error(path.string() + " has " + std::to_string(json.at("cases").size()) + " cases, not " +
                             std::to_string(pinned->second));
  }
  return json;
}

double number(const Json& value) {
  if (!value.is_string()) return value.get<double>();
  const std::string text = value.get<std::string>();
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  throw std::runtime_error("not a number: " + text);
}

Shape shape_from_json(const Json& dims) { return Shape(dims.get<std::vector<int64_t>>()); }

Tensor tensor_from_values(const Json& values, const Shape& shape, DType dtype) {
  if (dtype == DType::i64) return Tensor::from(values.get<std::vector<int64_t>>(), shape);
  // Through double: each number is the shortest decimal of a float, and survives the double rounding.
  std::vector<double> numbers;
  numbers.reserve(values.size());
  for (const Json& value : values) numbers.push_back(number(value));
  return Tensor::from(numbers, shape).to(dtype);
}

Tensor mask_from_string(std::string_view bits, const Shape& shape) {
  if (static_cast<int64_t>(bits.size()) != shape.numel()) throw std::runtime_error("a mask does not fill its shape");
  Tensor mask = Tensor::empty(shape, DType::boolean);
  bool* to = mask.mutable_data<bool>();
  for (const char bit : bits) *to++ = bit == '1';
  return mask;
}

Tensor tensor_from_json(const Json& tensor) {
  const Shape shape = shape_from_json(tensor.at("shape"));
  const Json& data = tensor.at("data");
  if (data.is_string()) return mask_from_string(data.get<std::string>(), shape);
  const std::string dtype = tensor.value("dtype", "f32");
  return tensor_from_values(data, shape, dtype == "i64" ? DType::i64 : dtype == "f64" ? DType::f64 : DType::f32);
}

namespace {

// Fails unless shapes and dtypes are equal and differs(i) is false for every element; shows the first few for which it
// is not.
void expect_elements(const Tensor& actual, const Tensor& expected, const std::function<bool(int64_t)>& differs) {
  ASSERT_TRUE(actual.defined() && expected.defined()) << "an undefined tensor cannot be compared";
  ASSERT_EQ(actual.shape().to_string(), expected.shape().to_string());
  ASSERT_EQ(dtype_name(actual.dtype()), dtype_name(expected.dtype()));
  const Tensor a = actual.to(DType::f64);
  const Tensor e = expected.to(DType::f64);
  constexpr int kShown = 5;
  int64_t different = 0;
  std::ostringstream message;
  message.precision(9);
  for (int64_t i = 0; i < a.numel(); ++i) {
    if (!differs(i) || ++different > kShown) continue;
    message << "\n  element " << i << ": " << a.data<double>()[i] << ", expected " << e.data<double>()[i];
  }
  EXPECT_EQ(different, 0) << "of " << a.numel() << " elements of " << actual.shape().to_string() << message.str();
}

const char* bytes_of(const Tensor& x) {
  switch (x.dtype()) {
    case DType::f32:
      return reinterpret_cast<const char*>(x.data<float>());
    case DType::f64:
      return reinterpret_cast<const char*>(x.data<double>());
    case DType::i64:
      return reinterpret_cast<const char*>(x.data<int64_t>());
    case DType::i32:
      return reinterpret_cast<const char*>(x.data<int32_t>());
    case DType::boolean:
      break;
  }
  return reinterpret_cast<const char*>(x.data<bool>());
}

}  // namespace

void expect_close(const Tensor& actual, const Tensor& expected, double rtol, double atol) {
  const Tensor a = actual.defined() ? actual.to(DType::f64) : actual;
  const Tensor e = expected.defined() ? expected.to(DType::f64) : expected;
  expect_elements(actual, expected, [&](int64_t i) {
    const double x = a.data<double>()[i];
    const double y = e.data<double>()[i];
    if (x == y || (std::isnan(x) && std::isnan(y))) return false;
    return !std::isfinite(y) || !(std::abs(x - y) <= atol + rtol * std::abs(y));
  });
}

void expect_equal(const Tensor& actual, const Tensor& expected) {
  expect_elements(actual, expected, [&](int64_t i) {
    const auto size = static_cast<size_t>(dtype_size(actual.dtype()));
    const size_t at = static_cast<size_t>(i) * size;
    if (std::memcmp(bytes_of(actual) + at, bytes_of(expected) + at, size) == 0) return false;
    const auto is_nan = [&](const Tensor& x) {
      return (x.dtype() == DType::f32 && std::isnan(x.data<float>()[i])) ||
             (x.dtype() == DType::f64 && std::isnan(x.data<double>()[i]));
    };
    return !is_nan(actual) || !is_nan(expected);
  });
}

}  // namespace gossamer::golden
