// How many elements are true, whether one is, whether all are.
#include <cstdint>

#include "gossamer/ops/comparison.h"
#include "gossamer/ops/reduce.h"
#include "ops/check.h"
#include "ops/elementwise.h"
#include "ops/fold.h"

namespace gossamer {

namespace {

// Exact: a tensor has fewer than 2^53 elements.
Tensor counted(const char* op, const Tensor& x, const ReduceOptions& options) {
  check_defined(op, x);
  const Dims dims = checked_dims(op, x.shape(), options.dims);
  const Tensor ones =
      is_floating(x.dtype()) ? zip_scalar(kernels::Binary::NotEqual, x, 0) : x.to(DType::boolean).to(DType::f32);
  return fold(ones, dims, folding::Sum{}, folding::Widened{}).alias(reduced_shape(x.shape(), dims, options.keepdim));
}

}  // namespace

Tensor count_nonzero(const Tensor& x, const ReduceOptions& options) {
  return counted("count_nonzero", x, options).to(DType::i64);
}

Tensor any(const Tensor& x, const ReduceOptions& options) { return ne(counted("any", x, options), 0); }

Tensor all(const Tensor& x, const ReduceOptions& options) {
  constexpr const char* kOp = "all";
  const Tensor count = counted(kOp, x, options);
  const Dims dims = checked_dims(kOp, x.shape(), options.dims);
  return eq(count, static_cast<double>(reduced_shape(x.shape(), ~dims, false).numel()));
}

}  // namespace gossamer
