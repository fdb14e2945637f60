#include "bench/openblas.h"

#include <cblas.h>

#include <utility>

#include "bench/random.h"
#include "ops/dense_products.h"

namespace gossamer::bench {

BlasThreads::BlasThreads(int threads) { openblas_set_num_threads(threads); }
BlasThreads::~BlasThreads() { openblas_set_num_threads(1); }

DenseProducts::DenseProducts(const LayerSize& size)
    : size_(size),
      w_(uniform({size.m, size.k}, 1)),
      x_(uniform({size.n, size.k}, 2)),
      dy_(uniform({size.n, size.m}, 3)),
      y_(Tensor::empty(dy_.shape())),
      dx_(Tensor::empty(x_.shape())),
      dw_(Tensor::empty(w_.shape())) {}

void DenseProducts::run(Kernel kernel, int threads) {
  const BlasThreads blas_threads(threads);
  const auto m = static_cast<blasint>(size_.m), k = static_cast<blasint>(size_.k), n = static_cast<blasint>(size_.n);
  const float* const w = std::as_const(w_).data<float>();
  const float* const x = std::as_const(x_).data<float>();
  const float* const dy = std::as_const(dy_).data<float>();
  float* const y = y_.mutable_data<float>();
  float* const dx = dx_.mutable_data<float>();
  const bool all = kernel == Kernel::Step;
  if (all || kernel == Kernel::Forward) {
    if (n == 1) {
      cblas_sgemv(CblasRowMajor, CblasNoTrans, m, k, 1, w, k, x, 1, 0, y, 1);
    } else {
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, m, k, 1, x, k, w, k, 0, y, m);
    }
  }
  if (all || kernel == Kernel::InputGrad) {
    if (n == 1) {
      cblas_sgemv(CblasRowMajor, CblasTrans, m, k, 1, w, k, dy, 1, 0, dx, 1);
    } else {
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, k, m, 1, dy, m, w, k, 0, dx, k);
    }
  }
  if (all || kernel == Kernel::WeightGrad) {
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, m, k, n, 1, dy, m, x, k, 0, dw_.mutable_data<float>(), k);
  }
}

void DenseProducts::run_library(Kernel kernel) {
  const DenseSize size = {size_.n, size_.k, size_.m};
  const float* const w = std::as_const(w_).data<float>();
  const float* const x = std::as_const(x_).data<float>();
  const float* const dy = std::as_const(dy_).data<float>();
  const bool all = kernel == Kernel::Step;
  if (all || kernel == Kernel::Forward) dense_forward<float>(size, x, w, nullptr, y_.mutable_data<float>());
  if (all || kernel == Kernel::InputGrad) dense_input_grad<float>(size, dy, w, dx_.mutable_data<float>());
  if (all || kernel == Kernel::WeightGrad) dense_weight_grad<float>(size, dy, x, dw_.mutable_data<float>());
}

int64_t DenseProducts::bytes(Kernel kernel) const {
  const int64_t one = 4 * (size_.m * size_.k + size_.n * (size_.m + size_.k));
  return kernel == Kernel::Step ? 3 * one : one;
}

}  // namespace gossamer::bench
