// What the tests of the optimizers share: parameters with gradients set by hand.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/parameter.h"
#include "gossamer/tensor.h"
#include "tests/support/errors.h"

namespace gossamer::optim {

inline Parameter parameter(const std::vector<float>& values, const std::string& name = "") {
  return Parameter(Tensor::from(values, {static_cast<int64_t>(values.size())}), name);
}

// A parameter [rows, cols] with nonzeros at the given row-major positions; values in the same order.
inline Parameter csr_parameter(int64_t rows, int64_t cols, const std::vector<int64_t>& positions,
                               const std::vector<float>& values, const std::string& name = "") {
  const auto pattern = CsrPattern::from_positions(rows, cols, positions);
  const Tensor canonical = Tensor::from(values, {pattern->nnz()});
  return Parameter::csr({rows, cols}, pattern, pattern->from_canonical(canonical), name);
}

// Sets the gradient from elements in row-major order.
inline void set_grad(const Parameter& p, const std::vector<float>& grad) {
  const Tensor canonical = Tensor::from(grad, p.values().shape());
  p.values().set_grad(p.is_csr() ? p.pattern()->from_canonical(canonical) : canonical);
}

// Moves a parameter to the pattern with the given row-major positions.
inline void change_pattern(const Parameter& p, const std::vector<int64_t>& positions) {
  const MatrixSize size = as_matrix(p.shape());
  p.apply(TopologyChange::between(*p.topology(), CsrPattern::from_positions(size.rows, size.cols, positions)));
}

inline std::vector<float> elements(const Tensor& t) { return {t.span<float>().begin(), t.span<float>().end()}; }

// The elements of an array of slots in row-major order.
inline std::vector<float> elements(const Parameter& p, const Tensor& slots) {
  return elements(p.is_csr() ? p.pattern()->to_canonical(slots) : slots);
}

inline std::vector<float> values(const Parameter& p) { return elements(p, p.values()); }

}  // namespace gossamer::optim
