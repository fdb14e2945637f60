// The dense fully connected layer. Its gradients: dX = dY W, dW = dYᵀ X, db = the column sums of dY.
#include <fmt/format.h>

#include <cstdint>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/dispatch.h"
#include "gossamer/ops/product.h"
#include "ops/check.h"
#include "ops/column_sums.h"
#include "ops/dense_products.h"
#include "runtime/check.h"
#include "tensor/layout.h"

namespace gossamer {

namespace {

constexpr const char* kOp = "linear";

void check(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check_same_floating(kOp, x, weight);
  if (weight.rank() != 2) fail<ShapeError>(kOp, "weight must be [out, in]", weight.shape().to_string());
  if (x.rank() < 1 || x.dim(-1) != weight.dim(1)) {
    fail<ShapeError>(kOp, fmt::format("x must be [..., {}] for a {} weight", weight.dim(1), weight.shape().to_string()),
                     x.shape().to_string(), remedy_of_features(x.shape(), weight.dim(1)));
  }
  if (!bias.defined()) return;
  check_same_floating(kOp, x, bias);
  if (bias.shape() != Shape({weight.dim(0)})) {
    fail<ShapeError>(kOp, fmt::format("bias must be [{}]", weight.dim(0)), bias.shape().to_string());
  }
}

struct LinearNode final : Node {
  Input x{*this, {&weight}}, weight{*this, {&x}}, bias{*this};

  Gradients backward(const Tensor& grad) override {
    const DenseSize size{row_count(x.shape()), x.shape().back(), grad.dim(-1)};
    return dispatch_floating(grad.dtype(), kOp, [&]<class T>() -> Gradients {
      const T* const dy = grad.data<T>();
      const auto dx = [&] {
        Tensor to = Tensor::empty(x.shape(), grad.dtype());
        dense_input_grad(size, dy, weight.value().data<T>(), to.mutable_data<T>());
        return to;
      };
      const auto dw = [&] {
        Tensor to = Tensor::empty(weight.shape(), grad.dtype());
        dense_weight_grad(size, dy, x.value().data<T>(), to.mutable_data<T>());
        return to;
      };
      const auto db = [&] { return column_sums(grad.alias({size.n, size.out})); };
      return {x.gradient(dx), weight.gradient(dw), bias.gradient(db)};
    });
  }
};

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check(x, weight, bias);
  const DenseSize size{row_count(x.shape()), weight.dim(1), weight.dim(0)};
  Tensor y = Tensor::empty(with_last(x.shape(), size.out), x.dtype());
  dispatch_floating(x.dtype(), kOp, [&]<class T>() {
    dense_forward(size, x.data<T>(), weight.data<T>(), data_or_null<T>(bias), y.mutable_data<T>());
  });
  return record<LinearNode>(kOp, y, {x, weight, bias});
}

}  // namespace gossamer
