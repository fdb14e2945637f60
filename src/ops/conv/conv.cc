// Convolutions with a dense weight.
#include "gossamer/ops/conv.h"

#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/dispatch.h"
#include "gossamer/ops/shape.h"
#include "ops/check.h"
#include "ops/conv/check.h"
#include "ops/conv/products.h"

namespace gossamer {

namespace {

struct Conv2dNode final : Node {
  Input x{*this, {&weight}}, weight{*this, {&x}}, bias{*this};
  ConvSize size;
  explicit Conv2dNode(const ConvSize& size_) : size(size_) {}

  Gradients backward(const Tensor& grad) override {
    return dispatch_floating(grad.dtype(), "conv2d", [&]<class T>() -> Gradients {
      const T* const dy = grad.data<T>();
      const auto dx = [&] {
        Tensor to = Tensor::empty(x.shape(), grad.dtype());
        conv_input_grad(size, dy, weight.value().data<T>(), to.mutable_data<T>());
        return to;
      };
      const auto dw = [&] {
        Tensor to = Tensor::empty(weight.shape(), grad.dtype());
        conv_weight_grad(size, dy, x.value().data<T>(), to.mutable_data<T>());
        return to;
      };
      const auto db = [&] {
        Tensor to = Tensor::empty(bias.shape(), grad.dtype());
        conv_bias_grad(size, dy, to.mutable_data<T>());
        return to;
      };
      return {x.gradient(dx), weight.gradient(dw), bias.gradient(db)};
    });
  }
};

Tensor convolve(const char* op, const Tensor& x, const Tensor& weight, const Tensor& bias,
                const Conv2dOptions& options) {
  check_floating(op, weight);
  const ConvSize size = check_conv2d(op, x, weight.shape(), weight.dtype(), bias, options);
  Tensor y = Tensor::empty(conv_shape(x, size), x.dtype());
  dispatch_floating(x.dtype(), op, [&]<class T>() {
    conv_forward(size, x.data<T>(), weight.data<T>(), data_or_null<T>(bias), y.mutable_data<T>());
  });
  return record<Conv2dNode>(op, y, {x, weight, bias}, size);
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& options) {
  return convolve("conv2d", x, weight, bias, options);
}

Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv1dOptions& options) {
  constexpr const char* kOp = "conv1d";
  check_floating(kOp, weight);
  check_conv1d(kOp, x, weight.shape());
  const Tensor y = convolve(kOp, reshape(x, as_image(x.shape())), reshape(weight, as_image(weight.shape())), bias,
                            as_image(options));
  return reshape(y, as_line(y.shape()));
}

}  // namespace gossamer
