// What tests of parameters and of sparsity share: random tensors and patterns, positions of nonzeros, error messages.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/parameter.h"
#include "gossamer/random.h"
#include "gossamer/tensor.h"
#include "tests/support/errors.h"
#include "tests/support/tensors.h"

namespace gossamer::test {

// Each position is a nonzero with probability `density`; 0 and 1 are exact.
inline std::shared_ptr<const CsrPattern> random_pattern(int64_t rows, int64_t cols, double density, uint64_t key) {
  std::vector<int64_t> positions;
  for (int64_t i = 0; i < rows * cols; ++i) {
    if (random_double(key, static_cast<uint64_t>(i)) < density) positions.push_back(i);
  }
  return CsrPattern::from_positions(rows, cols, positions);
}

inline Parameter random_csr(const Shape& shape, double density, uint64_t key, DType dtype = DType::f32,
                            const std::string& name = "w") {
  const MatrixSize size = as_matrix(shape);
  const auto pattern = random_pattern(size.rows, size.cols, density, key);
  return Parameter::csr(shape, pattern, uniform({pattern->nnz()}, key + 1, dtype), name);
}

// Row-major positions of the nonzeros, ascending.
inline std::vector<int64_t> positions_of(const CsrPattern& pattern) {
  std::vector<int64_t> positions;
  pattern.for_each([&](const SlotPosition& p) { positions.push_back(p.row * pattern.cols() + p.col); });
  return positions;
}

// Rows of 0 and 1 without separators, as the golden files write masks.
inline std::string mask_string(const Parameter& parameter) {
  std::string bits;
  const Tensor mask = parameter.mask();
  for (const bool kept : mask.span<bool>()) bits += kept ? '1' : '0';
  return bits;
}

// The elements of an array in slot order as a dense tensor of the parameter's shape, 0 where pruned.
inline Tensor densify(const Parameter& parameter, const Tensor& array) {
  return parameter.is_csr() ? parameter.pattern()->dense(array).alias(parameter.shape()) : array.clone();
}

// `array` where the boolean mask is true, 0 elsewhere (selected: a NaN at a false position goes).
inline Tensor select(const Tensor& array, const Tensor& mask) {
  Tensor result = array.clone();
  for (int64_t i = 0; i < result.numel(); ++i) {
    if (mask.data<bool>()[i]) continue;
    if (result.dtype() == DType::f32) {
      result.mutable_data<float>()[i] = 0;
    } else {
      result.mutable_data<double>()[i] = 0;
    }
  }
  return result;
}

inline testing::AssertionResult contains(std::string_view text, std::string_view part) {
  if (text.find(part) != std::string_view::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "\"" << text << "\" does not contain \"" << part << "\"";
}

}  // namespace gossamer::test
