#include "ops/csr/use.h"

#include <utility>

#include "gossamer/dispatch.h"
#include "kernels/csr.h"
#include "kernels/layout.h"
#include "ops/check.h"
#include "ops/csr/dense_way.h"
#include "ops/csr/products.h"
#include "ops/dense_products.h"
#include "tensor/csr/stream.h"

namespace gossamer {

namespace {

// Smaller batches stay row-major.
constexpr int64_t kMinTiledBatch = 16;

DenseSize dense_size(const CsrPattern& pattern, int64_t n) { return {n, pattern.cols(), pattern.rows()}; }

// A batch in the layout that it holds.
template <class T>
ConstBatch<T> held(const Tensor& x) {
  return Layout::of(x).read<T>(x);
}
template <class T>
ConstBatch<T> rows(const Tensor& x) {
  return Layout::rows().read<T>(x);
}
template <class T>
Batch<T> held_for_writing(Tensor& x) {
  return Layout::of(x).write<T>(x);
}

}  // namespace

CsrUse::Way CsrUse::choose_way(const CsrPattern& pattern, int64_t n, Execution execution) {
  if (pattern.is_full()) return Way::Full;
  if (n == 0) return Way::Csr;
  if (execution != Execution::Auto) return execution == Execution::Dense ? Way::Dense : Way::Csr;
  return kernels::dense_is_faster(CsrPatternAccess::stream(pattern), n) ? Way::Dense : Way::Csr;
}

CsrUse::CsrUse(const CsrWeight& weight, const Tensor& x)
    : pattern_(weight.pattern),
      used_(weight.used_pattern()),
      x_shape_(x.shape()),
      n_(row_count(x.shape())),
      way_(choose_way(*used_, n_, weight.execution)),
      // A pattern that is denser than a part for which the dense way was chosen takes that way too.
      gradient_way_(way_ == Way::Csr ? choose_way(*pattern_, n_, weight.execution)
                                     : (pattern_->is_full() ? Way::Full : Way::Dense)),
      layout_(Layout::rows()),
      dx_layout_(Layout::rows()),
      packs_once_(false) {
  if (x.dtype() != DType::f32 || way_ != Way::Csr || n_ < kMinTiledBatch || used_->rows() == 0) return;
  const Layout of_x = Layout::of(x);
  layout_ = of_x.is_tiled() ? of_x : Layout::tiles(kernels::choose_tile_width(n_));
  dx_layout_ = of_x;
  packs_once_ = !streams_batch(CsrPatternAccess::stream(*used_), n_);
}

Tensor CsrUse::pack_gradient(const Tensor& dy) const {
  const Layout of_dy = Layout::of(dy);
  const bool other_width = layout_.is_tiled() && of_dy.is_tiled() && of_dy.width() != layout_.width();
  return packs_once_ || other_width ? layout_.take(dy) : dy.detach();
}

template <class T>
void CsrUse::run_forward(const Tensor& values, const Tensor& x, const Tensor& bias, Tensor& y) const {
  const T* v = values.data<T>();
  const T* b = data_or_null<T>(bias);
  if (way_ == Way::Full) return dense_forward(dense_size(*used_, n_), x.data<T>(), v, b, y.mutable_data<T>());
  const kernels::CsrStream w = CsrPatternAccess::stream(*used_);
  // Sizes that x's shape tells: an empty batch has none of its own.
  if (way_ == Way::Dense) return csr_dense_forward<T>(w, v, rows<T>(x), b, held_for_writing<T>(y));
  csr_forward<T>(w, v, held<T>(x), b, held_for_writing<T>(y));
}

Tensor CsrUse::forward(const Tensor& values, const Tensor& x, const Tensor& bias) const {
  Tensor y = layout_.empty(with_last(x_shape_, used_->rows()), x.dtype());
  dispatch_floating(x.dtype(), "CSR product", [&]<class T>() { run_forward<T>(values, x, bias, y); });
  return y;
}

template <class T>
void CsrUse::run_dense_gradients(Way way, const CsrPattern& pattern, const Tensor& values, const Tensor& x,
                                 const Tensor& dy, Tensor* dx, Tensor* dvalues) const {
  if (way == Way::Full) {
    const DenseSize size = dense_size(pattern, n_);
    if (dx) dense_input_grad(size, dy.data<T>(), values.data<T>(), dx->mutable_data<T>());
    if (dvalues) dense_weight_grad(size, dy.data<T>(), x.data<T>(), dvalues->mutable_data<T>());
    return;
  }
  const kernels::CsrStream w = CsrPatternAccess::stream(pattern);
  if (dx) csr_dense_input_grad<T>(w, values.data<T>(), rows<T>(dy), held_for_writing<T>(*dx));
  if (dvalues) csr_dense_weight_grad<T>(w, rows<T>(x), rows<T>(dy), dvalues->mutable_data<T>());
}

template <class T>
void CsrUse::run_gradients(Way way, const CsrPattern& pattern, const Tensor& values, const Tensor& x, const Tensor& dy,
                           Tensor* dx, Tensor* dvalues) const {
  if (!dx && !dvalues) return;
  if (way != Way::Csr) return run_dense_gradients<T>(way, pattern, values, x, dy, dx, dvalues);
  const kernels::CsrStream w = CsrPatternAccess::stream(pattern);
  const ConstBatch<T> dy_batch = held<T>(dy);
  if (!dx) return csr_weight_grad<T>(w, held<T>(x), dy_batch, dvalues->mutable_data<T>());
  const auto transposed = CsrPatternAccess::transposed(pattern);
  Tensor values_t = Tensor::empty({pattern.nnz()}, dy.dtype());
  transposed->gather_values(values.data<T>(), values_t.mutable_data<T>());
  const T* const v = std::as_const(values_t).template data<T>();
  const Batch<T> dx_batch = held_for_writing<T>(*dx);
  if (!dvalues) return csr_forward<T>(transposed->view(), v, dy_batch, nullptr, dx_batch);
  csr_backward<T>(w, transposed->view(), v, held<T>(x), dy_batch, dx_batch, dvalues->mutable_data<T>());
}

CsrUse::Gradients CsrUse::gradients(const Tensor& values, const Tensor& x, const Tensor& dy) const {
  Gradients g;
  Tensor* const dx = values.defined() ? &g.dx : nullptr;
  Tensor* const dvalues = x.defined() ? &g.dvalues : nullptr;
  if (dx) *dx = dx_layout_.empty(x_shape_, dy.dtype());
  if (dvalues) *dvalues = Tensor::empty({pattern_->nnz()}, dy.dtype());
  dispatch_floating(dy.dtype(), "CSR product", [&]<class T>() {
    if (used_ == pattern_) return run_gradients<T>(way_, *pattern_, values, x, dy, dx, dvalues);
    run_gradients<T>(way_, *used_, values, {}, dy, dx, nullptr);
    run_gradients<T>(gradient_way_, *pattern_, {}, x, dy, nullptr, dvalues);
  });
  return g;
}

}  // namespace gossamer
