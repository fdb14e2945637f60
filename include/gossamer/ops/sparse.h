// Operations on a CSR weight given as a pattern and its values [nnz] in slot order (CsrPattern::from_canonical makes
// them of row-major ones).
#pragma once

#include <memory>

#include "gossamer/csr_pattern.h"
#include "gossamer/tensor.h"

#pragma GCC visibility push(default)
namespace gossamer {

struct CsrLinearOptions {
  Execution execution = Execution::Auto;
};

// x [..., cols], values of a [rows, cols] weight, bias [rows] or undefined -> [..., rows]. The gradient of `values` has
// nnz elements in slot order: no dense weight or gradient is formed, save for a full pattern, whose values are the
// matrix.
[[nodiscard]] Tensor csr_linear(const Tensor& x, const std::shared_ptr<const CsrPattern>& pattern, const Tensor& values,
                                const Tensor& bias = {}, const CsrLinearOptions& options = {});

// The weight as a dense tensor of the given shape (as_matrix(shape) must be the pattern's size), for operations without
// a CSR kernel. Its gradient is gathered at the nonzeros.
[[nodiscard]] Tensor csr_to_dense(const std::shared_ptr<const CsrPattern>& pattern, const Tensor& values,
                                  const Shape& shape);

}  // namespace gossamer
#pragma GCC visibility pop
