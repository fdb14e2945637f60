#include "bench/products.h"

#include <utility>

#include "bench/random.h"
#include "kernels/layout.h"
#include "ops/csr/dense_way.h"
#include "ops/csr/products.h"
#include "tensor/csr/stream.h"
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

CsrProducts::CsrProducts(std::shared_ptr<const CsrPattern> pattern, int64_t n, Execution execution)
    : pattern_(std::move(pattern)),
      n_(n),
      dense_(execution == Execution::Auto ? kernels::dense_is_faster(CsrPatternAccess::stream(*pattern_), n)
                                          : execution == Execution::Dense),
      values_(uniform({pattern_->nnz()}, 1)),
      values_t_(Tensor::empty({pattern_->nnz()})),
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
  CsrPatternAccess::transposed(*pattern_);
}

void CsrProducts::run(Kernel kernel, Layout layout) {
  if (dense_) layout = Layout::BatchFirst;
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
  const auto w = CsrPatternAccess::stream(*pattern_);
  const float* const values = std::as_const(values_).data<float>();
  const Batch<float> y = mutable_batch(y_rows_, y_tiles_, layout);
  if (dense_) return csr_dense_forward<float>(w, values, rows(x_rows_), nullptr, y);
  csr_forward<float>(w, values, batch(x_rows_, x_tiles_, layout), nullptr, y);
}

void CsrProducts::input_grad(Layout layout) {
  const Batch<float> dx = mutable_batch(dx_rows_, dx_tiles_, layout);
  if (dense_) {
    return csr_dense_input_grad<float>(CsrPatternAccess::stream(*pattern_), std::as_const(values_).data<float>(),
                                       rows(dy_rows_), dx);
  }
  const auto transposed = CsrPatternAccess::transposed(*pattern_);
  transposed->gather_values(std::as_const(values_).data<float>(), values_t_.mutable_data<float>());
  csr_forward<float>(transposed->view(), std::as_const(values_t_).data<float>(), batch(dy_rows_, dy_tiles_, layout),
                     nullptr, dx);
}

void CsrProducts::weight_grad(Layout layout) {
  const auto w = CsrPatternAccess::stream(*pattern_);
  float* const grad = grad_.mutable_data<float>();
  if (dense_) return csr_dense_weight_grad<float>(w, rows(x_rows_), rows(dy_rows_), grad);
  csr_weight_grad<float>(w, batch(x_rows_, x_tiles_, layout), batch(dy_rows_, dy_tiles_, layout), grad);
}

// As the node of a CSR layer computes it: a row-major X is packed once for both products that read it, or passes
// through cache twice.
void CsrProducts::step(Layout layout) {
  if (dense_) {
    forward(layout);
    input_grad(layout);
    return weight_grad(layout);
  }
  const auto w = CsrPatternAccess::stream(*pattern_);
  Tensor packed;
  if (layout == Layout::BatchFirst && !streams_batch(w, n_)) {
    packed = TensorTiles::pack(x_rows_, kernels::choose_tile_width(n_));
  }
  const ConstBatch<float> x = packed.defined() ? TensorTiles::get(packed) : batch(x_rows_, x_tiles_, layout);
  csr_forward<float>(w, std::as_const(values_).data<float>(), x, nullptr, mutable_batch(y_rows_, y_tiles_, layout));
  const auto transposed = CsrPatternAccess::transposed(*pattern_);
  transposed->gather_values(std::as_const(values_).data<float>(), values_t_.mutable_data<float>());
  csr_backward<float>(w, transposed->view(), std::as_const(values_t_).data<float>(), x,
                      batch(dy_rows_, dy_tiles_, layout), mutable_batch(dx_rows_, dx_tiles_, layout),
                      grad_.mutable_data<float>());
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
