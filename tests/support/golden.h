// Reference vectors of tests/golden: reading tensors out of them, and comparing tensors with them.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/tensor.h"

namespace gossamer::golden {

using Json = nlohmann::json;

// The folder tests/golden.
std::filesystem::path directory();

// The parsed file tests/golden/<name>. Throws where it has another number of cases than the one pinned.
Json load(const std::string& name);

// A number, or one of the strings "nan", "inf", "-inf".
double number(const Json& value);

Shape shape_from_json(const Json& dims);

// A flat list of numbers in the given shape.
Tensor tensor_from_values(const Json& values, const Shape& shape, DType dtype = DType::f32);

// A mask written as a string of 0 and 1, row-major.
Tensor mask_from_string(std::string_view bits, const Shape& shape);

// {"shape", "data", "dtype"}: numbers (f32 unless "dtype" is "i64" or "f64"), or a mask as a string of 0 and 1.
Tensor tensor_from_json(const Json& tensor);

// Fails unless the tensors agree in shape and dtype and |actual - expected| <= atol + rtol |expected| everywhere. NaN
// equals NaN, and infinities equal themselves. Names the first few elements that differ.
void expect_close(const Tensor& actual, const Tensor& expected, double rtol = 1e-5, double atol = 1e-6);

// Fails unless shape, dtype and the bytes of every element are equal: -0 is not 0. Any NaN equals any other, since a
// file of numbers cannot say which.
void expect_equal(const Tensor& actual, const Tensor& expected);

}  // namespace gossamer::golden
