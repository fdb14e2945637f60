// Convolutions with a dense weight.
#include "gossamer/ops/conv.h"

#include <fmt/format.h>

#include <cstdint>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/ops/shape.h"
#include "ops/check.h"
#include "ops/conv/check.h"
#include "ops/conv/products.h"
#include "runtime/check.h"
#include "tensor/dispatch.h"

namespace gossamer {

namespace {

struct Conv2dNode final : Node {
  Input x{*this, {&weight}}, weight{*this, {&x}}, bias{*this};
  ConvSize size;
  explicit Conv2dNode(const ConvSize& size_) : size(size_) {}

  std::vector<Tensor> backward(const Tensor& grad) override {
    return dispatch_floating(grad.dtype(), "conv2d", [&]<class T>() -> std::vector<Tensor> {
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

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv2dOptions& options) {
  check_floating("conv2d", weight);
  const ConvSize size = check_conv2d(x, weight.shape(), weight.dtype(), bias, options);
  Tensor y = Tensor::empty(conv_shape(x, size), x.dtype());
  dispatch_floating(x.dtype(), "conv2d", [&]<class T>() {
    conv_forward(size, x.data<T>(), weight.data<T>(), bias.defined() ? bias.data<T>() : nullptr, y.mutable_data<T>());
  });
  return record<Conv2dNode>("conv2d", y, {x, weight, bias}, size);
}

Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias, const Conv1dOptions& options) {
  constexpr const char* kOp = "conv1d";
  check_floating(kOp, x);
  check_floating(kOp, weight);
  if ((x.rank() != 2 && x.rank() != 3) || weight.rank() != 3) {
    fail<ShapeError>(kOp, "x must be [n, c, l] or [c, l], weight [out, c / groups, k]",
                     fmt::format("{} and {}", x.shape().to_string(), weight.shape().to_string()));
  }
  const auto image = [](const Shape& s) {
    return s.rank() == 3 ? Shape({s[0], s[1], 1, s[2]}) : Shape({s[0], 1, s[1]});
  };
  const Tensor y = conv2d(reshape(x, image(x.shape())), reshape(weight, image(weight.shape())), bias,
                          {.stride = {1, options.stride},
                           .padding = {0, options.padding},
                           .dilation = {1, options.dilation},
                           .groups = options.groups});
  return reshape(y, x.rank() == 3 ? Shape({y.dim(0), y.dim(1), y.dim(3)}) : Shape({y.dim(0), y.dim(2)}));
}

}  // namespace gossamer
