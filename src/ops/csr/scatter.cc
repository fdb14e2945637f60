#include "ops/csr/scatter.h"

#include <fmt/format.h>

#include <memory>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/ops/sparse.h"
#include "ops/csr/gradient_tap.h"
#include "runtime/check.h"

namespace gossamer {

Tensor csr_to_dense(const CsrWeight& weight, const Shape& shape) {
  constexpr const char* kOp = "csr_to_dense";
  struct CsrToDenseNode final : Node {
    std::shared_ptr<const CsrPattern> pattern;
    std::shared_ptr<GradientTap> tap;
    explicit CsrToDenseNode(const CsrWeight& weight) : pattern(weight.pattern), tap(weight.tap) {}

    Gradients backward(const Tensor& grad) override {
      if (tap) tap->add_dense(grad);
      return {pattern->gather(grad)};
    }
  };

  weight.check(kOp);
  const CsrPattern& pattern = *weight.pattern;
  const MatrixSize size = as_matrix(shape);
  if (size.rows != pattern.rows() || size.cols != pattern.cols()) {
    fail<ShapeError>(
        kOp, fmt::format("the shape must be that of the pattern, [{}, {}] as a matrix", pattern.rows(), pattern.cols()),
        shape.to_string());
  }
  const Tensor dense = weight.used_pattern()->dense(weight.used_values());
  return record<CsrToDenseNode>(kOp, dense.alias(shape), {weight.values}, weight);
}

Tensor csr_to_dense(const std::shared_ptr<const CsrPattern>& pattern, const Tensor& values, const Shape& shape) {
  return csr_to_dense({.pattern = pattern, .values = values}, shape);
}

}  // namespace gossamer
