// CsrPattern: where the nonzeros of a matrix are. Immutable and shared; values live elsewhere, as 1-D tensors.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "gossamer/tensor.h"

namespace gossamer {

struct StreamPlan;  // the streaming order and what kernels need of it; internal

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

// A matrix position and the number of its nonzero.
struct SlotPosition {
  int64_t row;
  int64_t col;
  int64_t slot;
};

// The pattern numbers its nonzeros by slots: element s of a values, gradient or state array belongs to slot s. The
// order of the slots is the one in which the kernels stream them and is nobody's business outside; all that is
// exchanged with the outside (csr(), mask(), dense(), to_canonical()) is in row-major order. A full pattern stores no
// indices: its values are the row-major matrix.
class CsrPattern {
 public:
  // Throws ShapeError (sizes), ConfigError (row_ptr not ascending from 0 to nnz, a column outside [0, cols), columns
  // not strictly ascending within a row). cols must be below 2^31.
  static std::shared_ptr<const CsrPattern> create(int64_t rows, int64_t cols, std::span<const int64_t> row_ptr,
                                                  std::span<const int32_t> col_idx);
  // From ascending row-major positions row * cols + col (ConfigError where they are not).
  static std::shared_ptr<const CsrPattern> from_positions(int64_t rows, int64_t cols,
                                                          std::span<const int64_t> positions);
  // The nonzeros of a boolean tensor of any rank, seen as [dim 0, rest]; rank 1 is one row.
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

  // The nonzeros in row-major order, pulled one by one or block by block. Scratch: the segments of one row block. Holds
  // a reference to the pattern.
  class Walk {
   public:
    explicit Walk(const CsrPattern& pattern);

    // The number of row blocks, and the first row of one (rows() of the pattern for block blocks()).
    int64_t blocks() const { return blocks_; }
    int64_t row_begin(int64_t block) const { return std::min(pattern_.rows_, block * block_rows_); }
    int64_t block_of(int64_t row) const { return row / block_rows_; }
    // Nonzeros in the blocks before `block`: a block has consecutive slots as well as consecutive row-major nonzeros.
    int64_t slot_begin(int64_t block) const;

    // Goes to a row block, which may be empty; next() goes on with its first nonzero.
    void load(int64_t block);
    // Goes to the block after the one loaded, the first of all at first; false at the end.
    bool next_block() {
      if (block_ + 1 >= blocks_) return false;
      load(block_ + 1);
      return true;
    }
    // Calls f(SlotPosition) for the nonzeros of the loaded block.
    template <class F>
    void for_each(F&& f) const {
      for (size_t row = 0; row + 1 < row_ptr_.size(); ++row) {
        const int64_t r = row_begin(block_) + static_cast<int64_t>(row);
        for (size_t i = row_ptr_[row]; i < row_ptr_[row + 1]; ++i) {
          const Run& run = runs_[i];
          for (int64_t k = 0; k < run.count; ++k) f(SlotPosition{r, run.col + column(run.slot, k), run.slot + k});
        }
      }
    }
    // The next nonzero, across blocks; false at the end.
    bool next(SlotPosition& position) {
      while (at_ == runs_.size()) {
        if (!next_block()) return false;
      }
      while (row_ptr_[row_ + 1] == at_) ++row_;
      const Run& run = runs_[at_];
      position = {row_begin(block_) + static_cast<int64_t>(row_), run.col + column(run.slot, in_run_),
                  run.slot + in_run_};
      if (++in_run_ == run.count) {
        ++at_;
        in_run_ = 0;
      }
      return true;
    }

   private:
    // Consecutive slots of one row, with columns that ascend from `col` on.
    struct Run {
      int64_t slot;
      int32_t col;
      int32_t count;  // at least 1
    };
    int64_t column(int64_t slot, int64_t k) const { return columns_ == nullptr ? k : columns_[slot + k]; }

    const CsrPattern& pattern_;
    const uint16_t* columns_ = nullptr;  // null when full
    int64_t block_rows_ = 1;
    int64_t blocks_ = 0;
    int64_t block_ = -1;
    std::vector<size_t> row_ptr_;  // of the loaded block: first run of each row, and their number
    std::vector<Run> runs_;
    std::vector<size_t> next_run_;
    size_t row_ = 0;  // where next() is
    size_t at_ = 0;
    int64_t in_run_ = 0;
  };

  // Calls f(SlotPosition) for every nonzero, in row-major order.
  template <class F>
  void for_each(F&& f) const {
    for (Walk walk(*this); walk.next_block();) walk.for_each(f);
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

  CsrPattern(int64_t rows, int64_t cols, int64_t nnz);

  int64_t rows_;
  int64_t cols_;
  int64_t nnz_;
  bool full_;
  std::unique_ptr<StreamPlan> stream_;                    // null when full
  mutable std::shared_ptr<const StreamPlan> transposed_;  // built when first asked for
};

}  // namespace gossamer
