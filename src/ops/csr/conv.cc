#include "ops/csr/conv.h"

#include <memory>
#include <utility>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/ops/shape.h"
#include "ops/conv/check.h"
#include "ops/conv/products.h"
#include "ops/csr/conv_products.h"
#include "ops/csr/gradient_tap.h"
#include "ops/csr/scatter.h"
#include "tensor/dispatch.h"

namespace gossamer {

namespace {

constexpr const char* kOp = "csr_conv";

// Whether the general way is faster: dense kernels reach twice the speed of those on nonzeros, and form no patches.
bool is_dense_faster(const CsrPattern& pattern) {
  constexpr double kDensity = 0.45;
  return static_cast<double>(pattern.nnz()) >
         kDensity * static_cast<double>(pattern.rows()) * static_cast<double>(pattern.cols());
}

bool takes_general_way(const CsrWeight& weight, int64_t groups) {
  const CsrPattern& used = *weight.used_pattern();
  if (groups != 1 || used.is_full() || weight.pattern->is_full()) return true;
  return weight.execution == Execution::Auto ? is_dense_faster(used) : weight.execution == Execution::Dense;
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

  std::vector<Tensor> backward(const Tensor& grad) override {
    auto gradients = dispatch_floating(grad.dtype(), kOp, [&]<class T>() -> std::vector<Tensor> {
      const T* const dy = grad.data<T>();
      return {x.gradient([&] { return input_grad<T>(dy); }), weight.gradient([&] { return weight_grad<T>(dy); }),
              bias.gradient([&] {
                Tensor to = Tensor::empty(bias.shape(), grad.dtype());
                conv_bias_grad(size, dy, to.mutable_data<T>());
                return to;
              })};
    });
    if (weight.needs_grad() && tap) tap->add_formed(x.value(), grad, shape, form_rows(size));
    return gradients;
  }

 private:
  template <class T>
  Tensor input_grad(const T* dy) const {
    Tensor to = Tensor::empty(x.shape(), dtype_of<T>);
    const auto transposed = CsrPatternAccess::transposed(*used);
    Tensor values_t = Tensor::empty({used->nnz()}, dtype_of<T>);
    transposed->gather_values(values.get().data<T>(), values_t.mutable_data<T>());
    csr_conv_input_grad(size, transposed->view(), std::as_const(values_t).template data<T>(), dy, to.mutable_data<T>());
    return to;
  }

  template <class T>
  Tensor weight_grad(const T* dy) const {
    Tensor to = Tensor::empty({pattern->nnz()}, dtype_of<T>);
    csr_conv_weight_grad(size, CsrPatternAccess::stream(*pattern), dy, x.value().data<T>(), to.mutable_data<T>());
    return to;
  }

  static GradientTap::FormRows form_rows(const ConvSize& size) {
    return [size](const Tensor& x, const Tensor& dy, int64_t row, Tensor& block) {
      dispatch_floating(dy.dtype(), kOp, [&]<class T>() {
        conv_weight_grad_rows(size, row, block.dim(0), dy.data<T>(), x.data<T>(), block.mutable_data<T>());
      });
    };
  }
};

// `image` is the shape of the weight that convolves images, `shape` that of the parameter.
Tensor convolve(const Tensor& x, const CsrWeight& weight, const Shape& image, const Shape& shape, const Tensor& bias,
                const Conv2dOptions& options) {
  weight.check(kOp);
  const ConvSize size = check_conv2d(kOp, x, image, weight.values.dtype(), bias, options);
  const Tensor values = weight.used_values();
  Tensor y = Tensor::empty(conv_shape(x, size), x.dtype());
  dispatch_floating(x.dtype(), kOp, [&]<class T>() {
    csr_conv_forward(size, CsrPatternAccess::stream(*weight.used_pattern()), values.data<T>(), x.data<T>(),
                     bias.defined() ? bias.data<T>() : nullptr, y.mutable_data<T>());
  });
  return record<CsrConv2dNode>(kOp, y, {x, weight.values, bias}, weight, size, shape, values);
}

}  // namespace

Tensor csr_conv2d(const Tensor& x, const CsrWeight& weight, const Shape& shape, const Tensor& bias,
                  const Conv2dOptions& options) {
  if (takes_general_way(weight, options.groups)) return conv2d(x, csr_to_dense(weight, shape), bias, options);
  return convolve(x, weight, shape, shape, bias, options);
}

Tensor csr_conv1d(const Tensor& x, const CsrWeight& weight, const Shape& shape, const Tensor& bias,
                  const Conv1dOptions& options) {
  if (takes_general_way(weight, options.groups)) return conv1d(x, csr_to_dense(weight, shape), bias, options);
  check_conv1d(kOp, x, shape);
  const Tensor y = convolve(reshape(x, as_image(x.shape())), weight, as_image(shape), shape, bias, as_image(options));
  return reshape(y, as_line(y.shape()));
}

}  // namespace gossamer
