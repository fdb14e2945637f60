// The nonzeros of a pattern in row-major order, pulled one by one or block by block.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "kernels/csr.h"
#include "tensor/csr/stream.h"

namespace gossamer {

// Scratch: the segments of one row block. Holds a reference to the pattern.
class CsrWalk {
 public:
  explicit CsrWalk(const CsrPattern& pattern);

  // The number of row blocks, and the first row of one (rows() of the pattern for block blocks()).
  int64_t blocks() const { return blocks_; }
  int64_t row_begin(int64_t block) const { return std::min(pattern_.rows(), block * block_rows_); }
  int64_t block_of(int64_t row) const { return row / block_rows_; }
  // Nonzeros in the blocks before `block`: a block has consecutive slots as well as consecutive row-major nonzeros.
  int64_t slot_begin(int64_t block) const;

  // Goes to a row block, which may be empty; next() goes on with its first nonzero.
  void load(int64_t block);
  // Goes to the block of a row, unless it is loaded.
  void load_row(int64_t row) {
    if (block_ != block_of(row)) load(block_of(row));
  }
  // Goes to the block after the one loaded, the first of all at first; false at the end.
  bool next_block() {
    if (block_ + 1 >= blocks_) return false;
    load(block_ + 1);
    return true;
  }
  // Calls f(SlotPosition) for the nonzeros of the loaded block.
  template <class F>
  void for_each(F&& f) const {
    for (int64_t row = row_begin(block_); row < row_begin(block_ + 1); ++row) for_each_of_row(row, f);
  }
  // The same for one row of it.
  template <class F>
  void for_each_of_row(int64_t row, F&& f) const {
    const auto in_block = static_cast<size_t>(row - row_begin(block_));
    for (size_t i = row_ptr_[in_block]; i < row_ptr_[in_block + 1]; ++i) {
      const Run& run = runs_[i];
      for (int64_t k = 0; k < run.count; ++k) f(SlotPosition{row, run.col + column(run.slot, k), run.slot + k});
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
  int64_t column(int64_t slot, int64_t k) const { return stream_.col == nullptr ? k : stream_.col[slot + k]; }

  const CsrPattern& pattern_;
  kernels::CsrStream stream_;  // null pointers when the pattern is full
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

// Calls f(walk, block) for every row block of the pattern, loaded into the walk, in parallel.
template <class F>
void parallel_row_blocks(const CsrPattern& pattern, F&& f) {
  parallel_runs(CsrWalk(pattern).blocks(), [&](int64_t begin, int64_t end) {
    CsrWalk walk(pattern);
    for (int64_t block = begin; block < end; ++block) {
      walk.load(block);
      f(std::as_const(walk), block);
    }
  });
}

}  // namespace gossamer
