#include "gossamer/functional.h"

#include "gossamer/ops/product.h"
#include "ops/csr/conv.h"
#include "ops/csr/embedding.h"
#include "ops/csr/linear.h"
#include "parameter/access.h"

namespace gossamer {

Tensor linear(const Tensor& x, const Parameter& weight, const Parameter& bias) {
  const CsrWeight& w = ParameterAccess::weight(weight);
  const Tensor b = bias.defined() ? bias.tensor() : Tensor();
  const bool csr = w.pattern != nullptr && weight.shape().rank() == 2;
  const Tensor y = csr ? csr_linear(x, w, b) : linear(x, weight.tensor(), b);
  // After the product, which checks the shapes.
  ParameterAccess::show_input(weight, x);
  return y;
}

Tensor conv2d(const Tensor& x, const Parameter& weight, const Parameter& bias, const Conv2dOptions& options) {
  const CsrWeight& w = ParameterAccess::weight(weight);
  const Tensor b = bias.defined() ? bias.tensor() : Tensor();
  return w.pattern ? csr_conv2d(x, w, weight.shape(), b, options) : conv2d(x, weight.tensor(), b, options);
}

Tensor conv1d(const Tensor& x, const Parameter& weight, const Parameter& bias, const Conv1dOptions& options) {
  const CsrWeight& w = ParameterAccess::weight(weight);
  const Tensor b = bias.defined() ? bias.tensor() : Tensor();
  return w.pattern ? csr_conv1d(x, w, weight.shape(), b, options) : conv1d(x, weight.tensor(), b, options);
}

Tensor embedding(const Tensor& indices, const Parameter& weight, const EmbeddingOptions& options) {
  const CsrWeight& w = ParameterAccess::weight(weight);
  const bool csr = w.pattern != nullptr && weight.shape().rank() == 2;
  return csr ? csr_embedding(indices, w, options) : embedding(indices, weight.tensor(), options);
}

}  // namespace gossamer
