// Sparse weights in the graph: the product with a CSR weight, and the general way.
#include <fmt/format.h>

#include <utility>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/ops.h"
#include "ops/check.h"
#include "ops/column_sums.h"
#include "ops/csr_products.h"
#include "ops/dense_products.h"
#include "ops/gradient_tap.h"
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

// The three products, by the stream of the pattern, or dense where the pattern is full.

DenseSize dense_size(const CsrPattern& pattern, int64_t n) { return {n, pattern.cols(), pattern.rows()}; }

template <class T>
void forward(const CsrPattern& pattern, const Tensor& values, const Tensor& x, int64_t n, const Tensor& bias,
             Tensor& y) {
  const T* b = bias.defined() ? bias.data<T>() : nullptr;
  T* to = y.mutable_data<T>();
  if (pattern.is_full()) return dense_forward(dense_size(pattern, n), x.data<T>(), values.data<T>(), b, to);
  csr_forward(CsrPatternAccess::stream(pattern), pattern.nnz(), values.data<T>(), x.data<T>(), n, b, to);
}

template <class T>
void input_grad(const CsrPattern& pattern, const Tensor& values, const Tensor& dy, Tensor& dx) {
  const int64_t n = dy.dim(0);
  const T* v = values.data<T>();
  T* to = dx.mutable_data<T>();
  if (pattern.is_full()) return dense_input_grad(dense_size(pattern, n), dy.data<T>(), v, to);
  const auto transposed = CsrPatternAccess::transposed(pattern);
  Tensor values_t = Tensor::empty(values.shape(), values.dtype());
  transposed->gather_values(v, values_t.mutable_data<T>());
  const T* no_bias = nullptr;
  csr_forward(transposed->view(), pattern.nnz(), std::as_const(values_t).data<T>(), dy.data<T>(), n, no_bias, to);
}

template <class T>
void weight_grad(const CsrPattern& pattern, const Tensor& x, const Tensor& dy, Tensor& grad) {
  const int64_t n = dy.dim(0);
  T* to = grad.mutable_data<T>();
  if (pattern.is_full()) return dense_weight_grad(dense_size(pattern, n), dy.data<T>(), x.data<T>(), to);
  csr_weight_grad(CsrPatternAccess::stream(pattern), pattern.nnz(), x.data<T>(), dy.data<T>(), n, to);
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
      const int64_t n = row_count(x_shape);
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

  const int64_t n = row_count(x.shape());
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
