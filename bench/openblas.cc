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
  const bool all = kernel == Kernel::Step;
  if (all || kernel == Kernel::Forward) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, m, k, 1, x, k, w, k, 0, y_.mutable_data<float>(), m);
  }
  if (all || kernel == Kernel::InputGrad) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, k, m, 1, dy, m, w, k, 0, dx_.mutable_data<float>(), k);
  }
  if (all || kernel == Kernel::WeightGrad) {
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, m, k, n, 1, dy, m, x, k, 0, dw_.mutable_data<float>(), k);
  }
}

void DenseProducts::forward_one() {
  const BlasThreads blas_threads(1);
  const auto m = static_cast<blasint>(size_.m), k = static_cast<blasint>(size_.k);
  cblas_sgemv(CblasRowMajor, CblasNoTrans, m, k, 1, std::as_const(w_).data<float>(), k, std::as_const(x_).data<float>(),
              1, 0, y_.mutable_data<float>(), 1);
}

void DenseProducts::forward_of_library() {
  dense_forward<float>({size_.n, size_.k, size_.m}, std::as_const(x_).data<float>(), std::as_const(w_).data<float>(),
                       nullptr, y_.mutable_data<float>());
}

int64_t DenseProducts::bytes(Kernel kernel) const {
  const int64_t one = 4 * (size_.m * size_.k + size_.n * (size_.m + size_.k));
  return kernel == Kernel::Step ? 3 * one : one;
}

}  // namespace gossamer::bench
