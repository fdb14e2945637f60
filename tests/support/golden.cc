#include "tests/support/golden.h"

#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>
#include <stdexcept>

namespace gossamer::golden {

// Given to this file alone: in the other files a path would keep a compiler cache from serving two checkouts.
std::filesystem::path directory() { return GOSSAMER_GOLDEN_DIR; }

Json load(const std::string& name) {
  const std::filesystem::path path = directory() / name;
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot open " + path.string());
  return Json::parse(file);
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

void expect_close(const Tensor& actual, const Tensor& expected, double rtol, double atol) {
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
    const double x = a.data<double>()[i];
    const double y = e.data<double>()[i];
    if (x == y || (std::isnan(x) && std::isnan(y))) continue;
    if (std::isfinite(y) && std::abs(x - y) <= atol + rtol * std::abs(y)) continue;
    if (++different <= kShown) message << "\n  element " << i << ": " << x << ", expected " << y;
  }
  EXPECT_EQ(different, 0) << "of " << a.numel() << " elements of " << actual.shape().to_string() << message.str();
}

}  // namespace gossamer::golden
