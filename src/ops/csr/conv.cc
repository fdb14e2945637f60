#include "ops/csr/conv.h"

#include <memory>
#include <utility>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/dispatch.h"
#include "gossamer/ops/shape.h"
#include "ops/check.h"
#include "ops/conv/check.h"
#include "ops/conv/products.h"
#include "ops/csr/conv_products.h"
#include "ops/csr/gradient_tap.h"
#include "ops/csr/scatter.h"

namespace gossamer {

namespace {

constexpr const char* kOp = "csr_conv";

// Whether the general way is faster. In units of a dense product at one tap and position, forming patches costs 13 and
// a nonzero 1.4 (docs/kernels.md): rows that are few do not pay for their patches.
bool is_dense_faster(const CsrPattern& pattern) {
  constexpr double kPatches = 13, kNonzero = 1.4;
  const auto rows = static_cast<double>(pattern.rows());
  return kPatches + kNonzero * static_cast<double>(pattern.nnz()) / static_cast<double>(pattern.cols()) > rows;
}

bool takes_general_way(const CsrWeight& weight, int64_t groups) {
  const CsrPattern& used = *weight.used_pattern();
  if (groups != 1 || used.is_full() || weight.pattern->is_full()) return true;
  return weight.execution == Execution::Auto ? is_dense_faster(used) : weight.execution == Execution::Dense;
}

// Rows of the dense gradient, for growth.
GradientTap::FormRows form_rows(const ConvSize& size) {
  return [size](const Tensor& x, const Tensor& dy, int64_t row, Tensor& block) {
    dispatch_floating(dy.dtype(), kOp, [&]<class T>() {
      conv_weight_grad_rows(size, row, block.dim(0), dy.data<T>(), x.data<T>(), block.mutable_data<T>());
    });
  };
}

struct CsrConv2dNode final : Node {
  Input x{*this, {&weight}}, weight{*this}, bias{*this};
  std::shared_ptr<const CsrPattern> pattern;  // of the values
  std::shared_ptr<const CsrPattern> used;     // of the products with the weight
  std::shared_ptr<GradientTap> tap;
  ConvSize size;
  Shape shape;
  SavedTensor values;
  CsrConv2dNode(const CsrWeight& weight_, const ConvSize& size_, const Shape& shape_, const Tensor& values_)
      : pattern(weight_.pattern),
        used(weight_.used_pattern()),
        tap(weight_.tap),
        size(size_),
        shape(shape_),
        values(*this, values_, {&x}) {}

  Gradients backward(const Tensor& grad) override {
    Gradients gradients{x.gradient([&] { return input_grad(grad); }),
                        weight.gradient([&] { return weight_grad(grad); }),
                        bias.gradient([&] { return bias_grad(grad); })};
    if (weight.needs_grad() && tap) tap->add_formed(x.value(), grad, shape, form_rows(size));
    return gradients;
  }

 private:
  Tensor input_grad(const Tensor& grad) const {
    Tensor to = Tensor::empty(x.shape(), grad.dtype());
    Tensor values_t = Tensor::empty({used->nnz()}, grad.dtype());
    const auto transposed = CsrPatternAccess::transposed(*used);
    dispatch_floating(grad.dtype(), kOp, [&]<class T>() {
      transposed->gather_values(values.get().data<T>(), values_t.mutable_data<T>());
      csr_conv_input_grad(size, transposed->view(), std::as_const(values_t).template data<T>(), grad.data<T>(),
                          to.mutable_data<T>());
    });
    return to;
  }

  Tensor weight_grad(const Tensor& grad) const {
    Tensor to = Tensor::empty({pattern->nnz()}, grad.dtype());
    dispatch_floating(grad.dtype(), kOp, [&]<class T>() {
      csr_conv_weight_grad(size, CsrPatternAccess::stream(*pattern), grad.data<T>(), x.value().data<T>(),
                           to.mutable_data<T>());
    });
    return to;
  }

  Tensor bias_grad(const Tensor& grad) const {
    Tensor to = Tensor::empty(bias.shape(), grad.dtype());
    dispatch_floating(grad.dtype(), kOp,
                      [&]<class T>() { conv_bias_grad(size, grad.data<T>(), to.mutable_data<T>()); });
    return to;
  }
};

// `image` is the shape of the weight that convolves images, `shape` that of the parameter.
Tensor convolve(const char* op, const Tensor& x, const CsrWeight& weight, const Shape& image, const Shape& shape,
                const Tensor& bias, const Conv2dOptions& options) {
  weight.check(op);
  const ConvSize size = check_conv2d(op, x, image, weight.values.dtype(), bias, options);
  const Tensor values = weight.used_values();
  Tensor y = Tensor::empty(conv_shape(x, size), x.dtype());
  dispatch_floating(x.dtype(), kOp, [&]<class T>() {
    csr_conv_forward(size, CsrPatternAccess::stream(*weight.used_pattern()), values.data<T>(), x.data<T>(),
                     data_or_null<T>(bias), y.mutable_data<T>());
  });
  return record<CsrConv2dNode>(op, y, {x, weight.values, bias}, weight, size, shape, values);
}

}  // namespace

Tensor csr_conv2d(const Tensor& x, const CsrWeight& weight, const Shape& shape, const Tensor& bias,
                  const Conv2dOptions& options) {
  if (takes_general_way(weight, options.groups)) return conv2d(x, csr_to_dense(weight, shape), bias, options);
  return convolve("conv2d", x, weight, shape, shape, bias, options);
}

Tensor csr_conv1d(const Tensor& x, const CsrWeight& weight, const Shape& shape, const Tensor& bias,
                  const Conv1dOptions& options) {
  if (takes_general_way(weight, options.groups)) return conv1d(x, csr_to_dense(weight, shape), bias, options);
  constexpr const char* kConv1d = "conv1d";
  check_conv1d(kConv1d, x, shape);
  const Tensor y =
      convolve(kConv1d, reshape(x, as_image(x.shape())), weight, as_image(shape), shape, bias, as_image(options));
  return reshape(y, as_line(y.shape()));
}

}  // namespace gossamer
