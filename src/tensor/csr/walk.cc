#include "tensor/csr/walk.h"

namespace gossamer {

CsrWalk::CsrWalk(const CsrPattern& pattern) : pattern_(pattern) {
  if (pattern.is_full()) {
    // As many elements as a block of a stream has slots, about.
    block_rows_ = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, pattern.cols()));
  } else {
    stream_ = CsrPatternAccess::stream(pattern);
    block_rows_ = stream_.block_rows;
  }
  blocks_ = (pattern.rows() + block_rows_ - 1) / block_rows_;
}

int64_t CsrWalk::slot_begin(int64_t block) const {
  if (pattern_.is_full()) return row_begin(block) * pattern_.cols();
  return stream_.slot_begin[block * stream_.panels()];
}

void CsrWalk::load(int64_t block) {
  block_ = block;
  row_ = 0;
  at_ = 0;
  in_run_ = 0;
  const int64_t row0 = row_begin(block);
  const int64_t rows = row_begin(block + 1) - row0;
  row_ptr_.assign(static_cast<size_t>(rows + 1), 0);
  runs_.clear();
  if (pattern_.is_full()) {
    if (pattern_.cols() == 0) return;
    for (int64_t row = 0; row < rows; ++row) {
      row_ptr_[static_cast<size_t>(row + 1)] = static_cast<size_t>(row + 1);
      runs_.push_back({(row0 + row) * pattern_.cols(), 0, static_cast<int32_t>(pattern_.cols())});
    }
    return;
  }
  // The segments by row. Cells come in the order of their panels, so the columns of each row ascend.
  const kernels::CsrStream& s = stream_;
  const int64_t cell_begin = block * s.panels();
  const int64_t cell_end = cell_begin + s.panels();
  for (int64_t i = s.segment_begin[cell_begin]; i < s.segment_begin[cell_end]; ++i) {
    row_ptr_[size_t{s.segments[i].row} + 1] += s.segments[i].count > 0;
  }
  for (size_t row = 1; row < row_ptr_.size(); ++row) row_ptr_[row] += row_ptr_[row - 1];
  next_run_.assign(row_ptr_.begin(), row_ptr_.end() - 1);
  runs_.resize(row_ptr_.back());
  for (int64_t cell = cell_begin; cell < cell_end; ++cell) {
    int64_t slot = s.slot_begin[cell];
    const auto col0 = static_cast<int32_t>((cell - cell_begin) * s.panel_cols);
    for (int64_t i = s.segment_begin[cell]; i < s.segment_begin[cell + 1]; ++i) {
      const auto [row, count] = s.segments[i];
      if (count == 0) break;
      runs_[next_run_[row]++] = {slot, col0, count};
      slot += count;
    }
  }
}

}  // namespace gossamer
