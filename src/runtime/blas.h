// Dense products on OpenBLAS, single-threaded inside our own tasks: the split is ours, fixed by the problem's size.
#pragma once

#include <cstdint>

namespace gossamer::rt {

enum class Trans : bool { No, Yes };

// C[m,n] = op(A) op(B) + beta C, row-major, op(A) is [m,k], op(B) is [k,n]; lda, ldb, ldc are the strides of the stored
// rows. k = 0 gives beta C. beta = 0 overwrites C, whatever it holds (NaN too).
struct GemmShape {
  int64_t m, n, k;
  Trans trans_a = Trans::No;
  Trans trans_b = Trans::No;
};
template <class T>
struct ConstMatrix {
  const T* data;
  int64_t ld;
};
template <class T>
struct Matrix {
  T* data;
  int64_t ld;
};
template <class T>
void gemm(const GemmShape& shape, ConstMatrix<T> a, ConstMatrix<T> b, T beta, Matrix<T> c);

// The same on the calling thread alone, for tasks that own their part of C.
template <class T>
void gemm_here(const GemmShape& shape, ConstMatrix<T> a, ConstMatrix<T> b, T beta, Matrix<T> c);

extern template void gemm(const GemmShape&, ConstMatrix<float>, ConstMatrix<float>, float, Matrix<float>);
extern template void gemm(const GemmShape&, ConstMatrix<double>, ConstMatrix<double>, double, Matrix<double>);
extern template void gemm_here(const GemmShape&, ConstMatrix<float>, ConstMatrix<float>, float, Matrix<float>);
extern template void gemm_here(const GemmShape&, ConstMatrix<double>, ConstMatrix<double>, double, Matrix<double>);

}  // namespace gossamer::rt
