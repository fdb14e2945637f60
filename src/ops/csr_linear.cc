// Sparse weights in the graph: the product with a CSR weight, and the general way.
#include <fmt/format.h>

#include <functional>
#include <numeric>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/ops.h"
#include "ops/column_sums.h"
#include "ops/csr_products.h"
#include "ops/gradient_tap.h"
#include "runtime/blas.h"
#include "runtime/check.h"
#include "tensor/dispatch.h"

namespace gossamer {

namespace {

using PatternPtr = std::shared_ptr<const CsrPattern>;
using TapPtr = std::shared_ptr<GradientTap>;

void check_values(const char* op, const PatternPtr& pattern, const Tensor& values) {
  if (!pattern || !values.defined()) {
    fail<StateError>(op, "pattern and values must be defined", pattern ? "undefined values" : "no pattern");
  }
  if (values.rank() != 1 || values.numel() != pattern->nnz()) {
    fail<ShapeError>(op, fmt::format("values must be [{}], one per nonzero", pattern->nnz()),
                     values.shape().to_string());
  }
}

// n of [..., k] as the matrix [n, k]; k may be 0.
int64_t count_rows(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end() - 1, int64_t{1}, std::multiplies<>());
}

Shape with_last(const Shape& shape, int64_t last) {
  std::vector<int64_t> dims(shape.begin(), shape.end());
  dims.back() = last;
  return Shape(dims);
}

template <class T>
void forward(const CsrPattern& pattern, const Tensor& values, const Tensor& x, int64_t n, const Tensor& bias,
             Tensor& y) {
  T* to = y.mutable_data<T>();
  const T* b = bias.defined() ? bias.data<T>() : nullptr;
  if (!pattern.is_full()) {
    csr_forward<T>(CsrPatternAccess::stream(pattern), pattern.nnz(), values.data<T>(), x.data<T>(), n, b, to);
    return;
  }
  for (int64_t row = 0; row < n; ++row) {
    for (int64_t col = 0; col < pattern.rows(); ++col) to[row * pattern.rows() + col] = b == nullptr ? T(0) : b[col];
  }
  rt::gemm<T>({.m = n, .n = pattern.rows(), .k = pattern.cols(), .trans_b = rt::Trans::Yes},
              {x.data<T>(), pattern.cols()}, {values.data<T>(), pattern.cols()}, T(1), {to, pattern.rows()});
}

// dX [n, cols] = dY [n, rows] W
template <class T>
void input_grad(const CsrPattern& pattern, const Tensor& values, const Tensor& dy, Tensor& dx) {
  const int64_t n = dy.dim(0);
  T* to = dx.mutable_data<T>();
  if (pattern.is_full()) {
    rt::gemm<T>({.m = n, .n = pattern.cols(), .k = pattern.rows()}, {dy.data<T>(), pattern.rows()},
                {values.data<T>(), pattern.cols()}, T(0), {to, pattern.cols()});
    return;
  }
  const auto transposed = CsrPatternAccess::transposed(pattern);
  Tensor values_t = Tensor::empty(values.shape(), values.dtype());
  transposed->gather_values(values.data<T>(), values_t.mutable_data<T>());
  csr_forward<T>(transposed->view(), pattern.nnz(), values_t.data<T>(), dy.data<T>(), n, nullptr, to);
}

template <class T>
void weight_grad(const CsrPattern& pattern, const Tensor& x, const Tensor& dy, Tensor& grad) {
  T* to = grad.mutable_data<T>();
  if (pattern.is_full()) {
    rt::gemm<T>({.m = pattern.rows(), .n = pattern.cols(), .k = dy.dim(0), .trans_a = rt::Trans::Yes},
                {dy.data<T>(), pattern.rows()}, {x.data<T>(), pattern.cols()}, T(0), {to, pattern.cols()});
    return;
  }
  csr_weight_grad<T>(CsrPatternAccess::stream(pattern), pattern.nnz(), x.data<T>(), dy.data<T>(), dy.dim(0), to);
}

}  // namespace

Tensor csr_linear(const Tensor& x, const PatternPtr& pattern, const Tensor& values, const Tensor& bias,
                  const TapPtr& tap) {
  constexpr const char* kOp = "csr_linear";
  check_values(kOp, pattern, values);
  if (!x.defined()) fail<StateError>(kOp, "x must be defined", "an undefined tensor");
  if (x.rank() < 1 || x.shape().back() != pattern->cols()) {
    fail<ShapeError>(
        kOp,
        fmt::format("x must be [..., {}] for a [{}, {}] weight", pattern->cols(), pattern->rows(), pattern->cols()),
        x.shape().to_string());
  }
  if (bias.defined() && bias.shape() != Shape({pattern->rows()})) {
    fail<ShapeError>(kOp, fmt::format("bias must be [{}]", pattern->rows()), bias.shape().to_string());
  }
  if (x.dtype() != values.dtype() || (bias.defined() && bias.dtype() != x.dtype())) {
    fail<DTypeError>(kOp, "x, values and bias must share a dtype",
                     fmt::format("{}, {}{}", dtype_name(x.dtype()), dtype_name(values.dtype()),
                                 bias.defined() ? fmt::format(", {}", dtype_name(bias.dtype())) : ""),
                     "convert with .to(dtype)");
  }

  struct CsrLinearNode final : Node {
    PatternPtr pattern;
    TapPtr tap;
    SavedTensor x;
    SavedTensor values;
    Shape x_shape;
    CsrLinearNode(const PatternPtr& pattern_, const TapPtr& tap_, const Tensor& x_, const Tensor& values_)
        : pattern(pattern_),
          tap(tap_),
          x(*this, values_.requires_grad() ? x_ : Tensor()),
          values(*this, x_.requires_grad() ? values_ : Tensor()),
          x_shape(x_.shape()) {}

    std::vector<Tensor> backward(const Tensor& grad) override {
      const int64_t n = count_rows(x_shape);
      const Tensor dy = grad.alias({n, pattern->rows()});
      std::vector<Tensor> grads(3);
      dispatch_floating(grad.dtype(), kOp, [&]<class T>() {
        if (needs_grad(0)) {
          grads[0] = Tensor::empty(x_shape, grad.dtype());
          input_grad<T>(*pattern, values.get(), dy, grads[0]);
        }
        if (needs_grad(1)) {
          const Tensor x_rows = x.get().alias({n, pattern->cols()});
          grads[1] = Tensor::empty({pattern->nnz()}, grad.dtype());
          weight_grad<T>(*pattern, x_rows, dy, grads[1]);
          if (tap && tap->armed()) tap->add_product(x_rows, dy);
        }
      });
      if (needs_grad(2)) grads[2] = column_sums(dy);
      return grads;
    }
  };

  const int64_t n = count_rows(x.shape());
  Tensor y = Tensor::empty(with_last(x.shape(), pattern->rows()), x.dtype());
  dispatch_floating(x.dtype(), kOp, [&]<class T>() { forward<T>(*pattern, values, x, n, bias, y); });
  return record<CsrLinearNode>(kOp, y, {x, values, bias}, pattern, tap, x, values);
}

Tensor csr_to_dense(const PatternPtr& pattern, const Tensor& values, const Shape& shape, const TapPtr& tap) {
  constexpr const char* kOp = "csr_to_dense";
  check_values(kOp, pattern, values);
  const MatrixSize size = as_matrix(shape);
  if (size.rows != pattern->rows() || size.cols != pattern->cols()) {
    fail<ShapeError>(
        kOp,
        fmt::format("the shape must be that of the pattern, [{}, {}] as a matrix", pattern->rows(), pattern->cols()),
        shape.to_string());
  }

  struct CsrToDenseNode final : Node {
    PatternPtr pattern;
    TapPtr tap;
    CsrToDenseNode(const PatternPtr& pattern_, const TapPtr& tap_) : pattern(pattern_), tap(tap_) {}

    std::vector<Tensor> backward(const Tensor& grad) override {
      if (tap && tap->armed()) tap->add_dense(grad);
      return {pattern->gather(grad)};
    }
  };

  return record<CsrToDenseNode>(kOp, pattern->dense(values).alias(shape), {values}, pattern, tap);
}

}  // namespace gossamer
