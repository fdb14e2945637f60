#include "bench/products.h"

#include <utility>

#include "bench/random.h"
#include "kernels/layout.h"
#include "ops/csr_products.h"
#include "tensor/csr_stream.h"
#include "tensor/tiles.h"

namespace gossamer::bench {

namespace {

ConstBatch<float> rows(const Tensor& x) { return {x.data<float>(), x.dim(0), x.dim(1)}; }

ConstBatch<float> batch(const Tensor& in_rows, const Tensor& in_tiles, Layout layout) {
  return layout == Layout::Native ? TensorTiles::get(in_tiles) : rows(in_rows);
}

Batch<float> mutable_batch(Tensor& in_rows, Tensor& in_tiles, Layout layout) {
  if (layout == Layout::Native) return TensorTiles::open(in_tiles);
  return {in_rows.mutable_data<float>(), in_rows.dim(0), in_rows.dim(1)};
}

}  // namespace

CsrProducts::CsrProducts(std::shared_ptr<const CsrPattern> pattern, int64_t n)
    : pattern_(std::move(pattern)),
      n_(n),
      weight_(Parameter::csr({pattern_->rows(), pattern_->cols()}, pattern_, uniform({pattern_->nnz()}, 1))),
      x_rows_(uniform({n, pattern_->cols()}, 2)),
      dy_rows_(uniform({n, pattern_->rows()}, 3)),
      y_rows_(Tensor::empty(dy_rows_.shape())),
      dx_rows_(Tensor::empty(x_rows_.shape())),
      grad_(Tensor::empty({pattern_->nnz()})) {
  const int width = kernels::choose_tile_width(n);
  x_tiles_ = TensorTiles::pack(x_rows_, width);
  dy_tiles_ = TensorTiles::pack(dy_rows_, width);
  y_tiles_ = TensorTiles::empty(dy_rows_.shape(), width);
  dx_tiles_ = TensorTiles::empty(x_rows_.shape(), width);
  weight_.set_requires_grad(true);
  x_rows_.set_requires_grad();
  x_tiles_.set_requires_grad();
  CsrPatternAccess::transposed(*pattern_);
}

void CsrProducts::run(Kernel kernel, Layout layout) {
  switch (kernel) {
    case Kernel::Forward:
      return forward(layout);
    case Kernel::InputGrad:
      return input_grad(layout);
    case Kernel::WeightGrad:
      return weight_grad(layout);
    case Kernel::Step:
      return step(layout);
  }
}

void CsrProducts::forward(Layout layout) {
  const Tensor values = weight_.values();
  csr_forward<float>(CsrPatternAccess::stream(*pattern_), values.data<float>(), batch(x_rows_, x_tiles_, layout),
                     nullptr, mutable_batch(y_rows_, y_tiles_, layout));
}

void CsrProducts::input_grad(Layout layout) {
  const Tensor values = weight_.values();
  const auto transposed = CsrPatternAccess::transposed(*pattern_);
  Tensor values_t = Tensor::empty(values.shape());
  transposed->gather_values(values.data<float>(), values_t.mutable_data<float>());
  csr_forward<float>(transposed->view(), std::as_const(values_t).data<float>(), batch(dy_rows_, dy_tiles_, layout),
                     nullptr, mutable_batch(dx_rows_, dx_tiles_, layout));
}

void CsrProducts::weight_grad(Layout layout) {
  csr_weight_grad<float>(CsrPatternAccess::stream(*pattern_), batch(x_rows_, x_tiles_, layout),
                         batch(dy_rows_, dy_tiles_, layout), grad_.mutable_data<float>());
}

// As an application does it: through the graph. Row-major results are read where the layout is batch-first.
void CsrProducts::step(Layout layout) {
  const Tensor& x = layout == Layout::Native ? x_tiles_ : x_rows_;
  x.set_grad({});
  weight_.zero_grad();
  const Tensor y = linear(x, weight_);
  if (layout == Layout::BatchFirst) y.data<float>();
  y.backward(layout == Layout::Native ? dy_tiles_ : dy_rows_);
  if (layout == Layout::BatchFirst) x.grad().data<float>();
}

int64_t CsrProducts::bytes(Kernel kernel) const {
  const auto transposed = CsrPatternAccess::transposed(*pattern_);
  const int64_t values = 4 * pattern_->nnz();
  const int64_t batches = 4 * n_ * (pattern_->rows() + pattern_->cols());
  const int64_t indices = pattern_->bytes() - transposed->bytes();
  switch (kernel) {
    case Kernel::Forward:
    case Kernel::WeightGrad:
      return values + indices + batches;
    case Kernel::InputGrad:
      return 3 * values + transposed->bytes() + batches;  // values are read, written in the other order, and read
    case Kernel::Step:
      break;
  }
  return bytes(Kernel::Forward) + bytes(Kernel::InputGrad) + bytes(Kernel::WeightGrad);
}

}  // namespace gossamer::bench
