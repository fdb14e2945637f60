#include "ops/column_sums.h"

#include "runtime/parallel.h"
#include "tensor/dispatch.h"

namespace gossamer {

Tensor column_sums(const Tensor& matrix) {
  const int64_t n = matrix.dim(0);
  const int64_t m = matrix.dim(1);
  Tensor sums = Tensor::zeros({m}, matrix.dtype());
  dispatch_floating(matrix.dtype(), "column_sums", [&]<class T>() {
    const T* from = matrix.data<T>();
    T* to = sums.mutable_data<T>();
    // 256 columns are whole cache lines of every row, and enough tasks for a layer of usual width.
    rt::parallel_chunks(m, 256, [&](int64_t begin, int64_t end) {
      for (int64_t row = 0; row < n; ++row) {
        for (int64_t col = begin; col < end; ++col) to[col] += from[row * m + col];
      }
    });
  });
  return sums;
}

}  // namespace gossamer
