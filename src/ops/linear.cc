// The dense fully connected layer. Its gradients: dX = dY W, dW = dYᵀ X, db = the column sums of dY.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/ops.h"
#include "ops/check.h"
#include "ops/column_sums.h"
#include "runtime/blas.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "tensor/dispatch.h"

namespace gossamer {

namespace {

constexpr const char* kOp = "linear";

// Number of rows of [..., in] seen as a matrix.
int64_t row_count(const Shape& shape) {
  int64_t rows = 1;
  for (int i = 0; i < shape.rank() - 1; ++i) rows *= shape[i];
  return rows;
}

Shape with_last(const Shape& shape, int64_t last) {
  std::vector<int64_t> sizes(shape.begin(), shape.end());
  sizes.back() = last;
  return Shape(sizes);
}

// Every row of y [n, m] becomes the bias: the product then adds to it, which saves a pass over y.
template <class T>
void repeat_bias(const T* bias, int64_t n, int64_t m, T* y) {
  const int64_t grain = std::max<int64_t>(1, rt::kElementGrain / std::max<int64_t>(1, m));
  rt::parallel_chunks(n, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) std::copy_n(bias, m, y + row * m);
  });
}

void check(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check_same_floating(kOp, x, weight);
  if (weight.rank() != 2) fail<ShapeError>(kOp, "weight must be [out, in]", weight.shape().to_string());
  if (x.rank() < 1 || x.dim(-1) != weight.dim(1)) {
    fail<ShapeError>(kOp, fmt::format("x must be [..., {}] for a {} weight", weight.dim(1), weight.shape().to_string()),
                     x.shape().to_string());
  }
  if (!bias.defined()) return;
  check_same_floating(kOp, x, bias);
  if (bias.shape() != Shape({weight.dim(0)})) {
    fail<ShapeError>(kOp, fmt::format("bias must be [{}]", weight.dim(0)), bias.shape().to_string());
  }
}

struct LinearNode final : Node {
  SavedTensor x;
  SavedTensor weight;
  Shape x_shape;
  LinearNode(const Tensor& x_, const Tensor& weight_)
      : x(*this, weight_.requires_grad() ? x_ : Tensor()),
        weight(*this, x_.requires_grad() ? weight_ : Tensor()),
        x_shape(x_.shape()) {}

  std::vector<Tensor> backward(const Tensor& grad) override {
    const int64_t n = row_count(x_shape);
    const int64_t in = x_shape.back();
    const int64_t out = grad.dim(-1);
    std::vector<Tensor> grads(3);
    dispatch_floating(grad.dtype(), kOp, [&]<class T>() {
      const T* const dy = grad.data<T>();
      if (needs_grad(0)) {
        grads[0] = Tensor::empty(x_shape, grad.dtype());
        rt::gemm<T>({.m = n, .n = in, .k = out}, {dy, out}, {weight.get().data<T>(), in}, T(0),
                    {grads[0].mutable_data<T>(), in});
      }
      if (needs_grad(1)) {
        grads[1] = Tensor::empty({out, in}, grad.dtype());
        rt::gemm<T>({.m = out, .n = in, .k = n, .trans_a = rt::Trans::Yes}, {dy, out}, {x.get().data<T>(), in}, T(0),
                    {grads[1].mutable_data<T>(), in});
      }
    });
    if (needs_grad(2)) grads[2] = column_sums(grad.alias({n, out}));
    return grads;
  }
};

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check(x, weight, bias);
  const int64_t n = row_count(x.shape());
  const int64_t in = weight.dim(1);
  const int64_t out = weight.dim(0);
  Tensor y = Tensor::empty(with_last(x.shape(), out), x.dtype());
  dispatch_floating(x.dtype(), kOp, [&]<class T>() {
    T* const to = y.mutable_data<T>();
    if (bias.defined()) repeat_bias(bias.data<T>(), n, out, to);
    rt::gemm<T>({.m = n, .n = out, .k = in, .trans_b = rt::Trans::Yes}, {x.data<T>(), in}, {weight.data<T>(), in},
                bias.defined() ? T(1) : T(0), {to, out});
  });
  return record<LinearNode>(kOp, y, {x, weight, bias}, x, weight);
}

}  // namespace gossamer
