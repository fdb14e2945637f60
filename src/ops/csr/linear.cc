#include "ops/csr/linear.h"

#include <fmt/format.h>

#include <memory>
#include <utility>
#include <vector>

#include "gossamer/autograd.h"
#include "gossamer/ops/sparse.h"
#include "ops/check.h"
#include "ops/column_sums.h"
#include "ops/csr/gradient_tap.h"
#include "ops/csr/use.h"
#include "runtime/check.h"
#include "tensor/layout.h"

namespace gossamer {

namespace {

constexpr const char* kOp = "csr_linear";

void check(const Tensor& x, const CsrWeight& weight, const Tensor& bias) {
  weight.check(kOp);
  const CsrPattern& pattern = *weight.pattern;
  check_floating(kOp, weight.values);
  check_defined(kOp, x);
  if (x.rank() < 1 || x.shape().back() != pattern.cols()) {
    fail<ShapeError>(
        kOp, fmt::format("x must be [..., {}] for a [{}, {}] weight", pattern.cols(), pattern.rows(), pattern.cols()),
        x.shape().to_string(), remedy_of_features(x.shape(), pattern.cols()));
  }
  if (bias.defined() && bias.shape() != Shape({pattern.rows()})) {
    fail<ShapeError>(kOp, fmt::format("bias must be [{}]", pattern.rows()), bias.shape().to_string());
  }
  const DType dtype = weight.values.dtype();
  if (x.dtype() != dtype || (bias.defined() && bias.dtype() != x.dtype())) {
    fail<DTypeError>(kOp, "x, values and bias must share a dtype",
                     fmt::format("{}, {}{}", dtype_name(x.dtype()), dtype_name(dtype),
                                 bias.defined() ? fmt::format(", {}", dtype_name(bias.dtype())) : ""),
                     "convert with .to(dtype)");
  }
}

// The batch is x in the layout of the products, packed or as it is: kept in it alone, in which the tap reads it too.
struct CsrLinearNode final : Node {
  Input x{*this}, weight{*this}, bias{*this};
  CsrUse use;
  std::shared_ptr<GradientTap> tap;
  SavedTensor batch;
  SavedTensor values;
  CsrLinearNode(const CsrUse& use_, const std::shared_ptr<GradientTap>& tap_, const Tensor& batch_,
                const Tensor& values_)
      : use(use_), tap(tap_), batch(*this, batch_, {&weight}), values(*this, values_, {&x}) {}

  Gradients backward(const Tensor& grad) override {
    const Shape dy_shape({use.n(), use.pattern().rows()});
    const Tensor dy = use.pack_gradient(grad);
    const auto [dx, dvalues] = use.gradients(values.get(), batch.get(), dy);
    const Tensor dbias = bias.gradient([&] { return column_sums(dy.alias(dy_shape)); });
    if (batch.defined() && tap) {
      tap->add_product(batch.get().alias({use.n(), use.pattern().cols()}), grad.alias(dy_shape));
    }
    return {dx, dvalues, dbias};
  }
};

}  // namespace

Tensor csr_linear(const Tensor& x, const CsrWeight& weight, const Tensor& bias) {
  check(x, weight, bias);
  const CsrUse use(weight, x);
  const bool trains = grad_enabled() && weight.values.requires_grad();
  const Tensor batch = trains && use.packs_once() ? use.pack(x) : x;
  const Tensor values = weight.used_values();
  return record<CsrLinearNode>(kOp, use.forward(values, batch, bias), {x, weight.values, bias}, use, weight.tap, batch,
                               values);
}

Tensor csr_packed(const Tensor& x, const CsrWeight& weight) {
  // Another layout of the same elements: so is the gradient.
  struct PackedNode final : Node {
    Input x{*this};

    Gradients backward(const Tensor& grad) override {
      return {x.gradient([&] { return grad; })};
    }
  };

  if (!x.defined() || x.rank() < 1 || x.shape().back() != weight.pattern->cols()) return x;
  const CsrUse use(weight, x);
  if (!use.takes_tiles() || Layout::of(x).is_tiled()) return x;
  return record<PackedNode>(kOp, use.pack(x), {x});
}

Tensor csr_linear(const Tensor& x, const std::shared_ptr<const CsrPattern>& pattern, const Tensor& values,
                  const Tensor& bias, const CsrLinearOptions& options) {
  return csr_linear(x, {.pattern = pattern, .values = values, .execution = options.execution}, bias);
}

}  // namespace gossamer
