// CsrPattern: where the nonzeros of a matrix are. Immutable and shared; values live elsewhere, as 1-D tensors.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "gossamer/tensor.h"

// Internals; before the pragma, so that the library does not export them.
namespace gossamer {
struct CsrPatternAccess;
struct StreamPlan;  // the streaming order and what kernels need of it
}  // namespace gossamer

#pragma GCC visibility push(default)
namespace gossamer {

// Canonical compressed sparse rows: the columns of row r are col_idx[row_ptr[r] .. row_ptr[r + 1]), ascending.
struct Csr {
  std::vector<int64_t> row_ptr;
  std::vector<int32_t> col_idx;
};

// A shape of any rank as a matrix: [dim 0, the rest]; rank 1 (a bias) is one row, rank 0 one element.
struct MatrixSize {
  int64_t rows;
  int64_t cols;
};
MatrixSize as_matrix(const Shape& shape);

// How products with a CSR weight are computed. Auto takes the way that is faster for its density and the number of
// samples, from measurements that are compiled in for each SIMD target: the same on every run and number of threads.
enum class Execution {
  Auto,
  Csr,  // the nonzeros alone
  // Parts of the weight are scattered into scratch of at most 4 MiB per thread and multiplied by OpenBLAS. As in dense
  // arithmetic, a NaN or an infinity in x or dY meets the zeros too; gradients of values are still the nonzeros' alone.
  Dense,
};

// A matrix position and the slot of its nonzero.
struct SlotPosition {
  int64_t row;
  int64_t col;
  int64_t slot;
};

// The pattern numbers its nonzeros by slots: element s of a values, gradient or state array belongs to slot s. The
// order of the slots is unspecified (the kernels stream them in it); to_canonical() and from_canonical() convert.
// csr(), mask(), dense() and for_each() are in row-major order. A full pattern stores no indices: its values are the
// row-major matrix.
class CsrPattern {
 public:
  // Throws ShapeError (sizes), ConfigError (row_ptr not ascending from 0 to nnz, a column outside [0, cols), columns
  // not strictly ascending within a row). cols must be below 2^31.
  static std::shared_ptr<const CsrPattern> create(int64_t rows, int64_t cols, std::span<const int64_t> row_ptr,
                                                  std::span<const int32_t> col_idx);
  // From ascending row-major positions row * cols + col (ConfigError where they are not).
  static std::shared_ptr<const CsrPattern> from_positions(int64_t rows, int64_t cols,
                                                          std::span<const int64_t> positions);
  // The nonzeros of a boolean tensor of any rank, seen as [dim 0, rest]; rank 1 is one row. FormatError for a byte
  // other than 0 and 1.
  static std::shared_ptr<const CsrPattern> from_mask(const Tensor& mask);
  // Every position.
  static std::shared_ptr<const CsrPattern> full(int64_t rows, int64_t cols);

  ~CsrPattern();
  CsrPattern(const CsrPattern&) = delete;
  CsrPattern& operator=(const CsrPattern&) = delete;

  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  int64_t nnz() const { return nnz_; }
  bool is_full() const { return full_; }
  double sparsity() const;
  // Bytes of all indices held, the plans built so far included.
  int64_t bytes() const;

  // The canonical arrays (a copy, made on request).
  Csr csr() const;
  // Same rows, columns and positions.
  bool operator==(const CsrPattern& other) const;

  // Calls f(SlotPosition) for every nonzero, in row-major order.
  template <class F>
  void for_each(F&& f) const {
    visit(
        [](void* context, std::span<const SlotPosition> run) {
          for (const SlotPosition& p : run) (*static_cast<std::remove_reference_t<F>*>(context))(p);
        },
        const_cast<void*>(static_cast<const void*>(&f)));
  }

  // Dense boolean mask [rows, cols].
  Tensor mask() const;
  // Dense [rows, cols] with `values` (nnz elements in slot order, any dtype) at the nonzeros and 0 elsewhere.
  Tensor dense(const Tensor& values) const;
  // The values (slot order) of the nonzeros of a dense tensor with rows * cols elements: the inverse of dense().
  Tensor gather(const Tensor& dense) const;
  // Between slot order and row-major order; each a copy.
  Tensor to_canonical(const Tensor& values) const;
  Tensor from_canonical(const Tensor& values) const;

 private:
  friend struct CsrPatternAccess;

  using Visitor = void (*)(void* context, std::span<const SlotPosition> run);
  void visit(Visitor f, void* context) const;

  CsrPattern(int64_t rows, int64_t cols, int64_t nnz);

  int64_t rows_;
  int64_t cols_;
  int64_t nnz_;
  bool full_;
  std::unique_ptr<StreamPlan> stream_;                    // null when full
  mutable std::shared_ptr<const StreamPlan> transposed_;  // built when first asked for
};

}  // namespace gossamer
#pragma GCC visibility pop
