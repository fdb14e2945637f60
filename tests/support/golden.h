// Reference vectors of tests/golden: reading tensors out of them, and comparing tensors with them.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/tensor.h"

namespace gossamer::golden {

using Json = nlohmann::json;

// The parsed file tests/golden/<name>.
inline Json load(const std::string& name) {
  const std::string path = std::string(GOSSAMER_GOLDEN_DIR) + "/" + name;
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot open " + path);
  return Json::parse(file);
}

// A number, or one of the strings "nan", "inf", "-inf".
inline double number(const Json& value) {
  if (!value.is_string()) return value.get<double>();
  const std::string text = value.get<std::string>();
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  throw std::runtime_error("not a number: " + text);
}

inline Shape shape_from_json(const Json& dims) { return Shape(dims.get<std::vector<int64_t>>()); }

// A flat list of numbers in the given shape.
inline Tensor tensor_from_values(const Json& values, const Shape& shape, DType dtype = DType::f32) {
  if (dtype == DType::i64) return Tensor::from(values.get<std::vector<int64_t>>(), shape);
  // Through double: each number is the shortest decimal of a float, and survives the double rounding.
  std::vector<double> numbers;
  numbers.reserve(values.size());
  for (const Json& value : values) numbers.push_back(number(value));
  return Tensor::from(numbers, shape).to(dtype);
}

// A mask written as a string of 0 and 1, row-major.
inline Tensor mask_from_string(std::string_view bits, const Shape& shape) {
  if (static_cast<int64_t>(bits.size()) != shape.numel()) throw std::runtime_error("a mask does not fill its shape");
  Tensor mask = Tensor::empty(shape, DType::boolean);
  bool* to = mask.mutable_data<bool>();
  for (const char bit : bits) *to++ = bit == '1';
  return mask;
}

// {"shape", "data", "dtype"}: numbers (f32 unless "dtype" is "i64" or "f64"), or a mask as a string of 0 and 1.
inline Tensor tensor_from_json(const Json& tensor) {
  const Shape shape = shape_from_json(tensor.at("shape"));
  const Json& data = tensor.at("data");
  if (data.is_string()) return mask_from_string(data.get<std::string>(), shape);
  const std::string dtype = tensor.value("dtype", "f32");
  return tensor_from_values(data, shape, dtype == "i64" ? DType::i64 : dtype == "f64" ? DType::f64 : DType::f32);
}

// Fails unless the tensors agree in shape and dtype and |actual - expected| <= atol + rtol |expected| everywhere. NaN
// equals NaN, and infinities equal themselves. Names the first few elements that differ.
inline void expect_close(const Tensor& actual, const Tensor& expected, double rtol = 1e-5, double atol = 1e-6) {
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

// Fails unless shape, dtype and every element are equal (NaN equals NaN).
inline void expect_equal(const Tensor& actual, const Tensor& expected) { expect_close(actual, expected, 0, 0); }

}  // namespace gossamer::golden
