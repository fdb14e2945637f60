// Builds a CsrStream and its arrays from a mask of connections, for the tests and benches of the kernels.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "kernels/csr.h"

namespace gossamer::kernels::testing {

// Owns the arrays that stream() points to.
class StreamBuilder {
 public:
  // keep(row, col) says whether the connection exists.
  template <class Keep>
  StreamBuilder(int64_t rows, int64_t cols, int64_t block_rows, int64_t panel_cols, const Keep& keep)
      : rows_(rows), cols_(cols), block_rows_(block_rows), panel_cols_(panel_cols) {
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t col = 0; col < cols; ++col) {
        if (keep(row, col)) {
          csr_row_.push_back(row);
          csr_col_.push_back(col);
        }
      }
      row_end_.push_back(static_cast<int64_t>(csr_col_.size()));
    }
    order_slots();
  }

  CsrStream stream() const {
    return {rows_,      cols_, block_rows_, panel_cols_, segment_begin_.data(), slot_begin_.data(), segments_.data(),
            col_.data()};
  }
  int64_t nnz() const { return static_cast<int64_t>(slot_row_.size()); }
  const std::vector<int64_t>& slot_row() const { return slot_row_; }  // [nnz] row of the matrix
  const std::vector<int64_t>& slot_col() const { return slot_col_; }  // [nnz] column of the matrix

 private:
  struct Run {
    int64_t row, begin, end;  // positions in canonical CSR
  };

  // Canonical CSR to stream order: row block, column panel, segment by descending count, column.
  void order_slots() {
    std::vector<int64_t> next(row_end_.size());
    for (int64_t row = 0; row < rows_; ++row) next[row] = row == 0 ? 0 : row_end_[row - 1];
    segment_begin_.push_back(0);
    slot_begin_.push_back(0);
    for (int64_t row0 = 0; row0 < rows_; row0 += block_rows_) {
      for (int64_t col0 = 0; col0 < cols_; col0 += panel_cols_) {
        std::vector<Run> runs;
        for (int64_t row = row0; row < std::min(rows_, row0 + block_rows_); ++row) {
          const int64_t begin = next[row];
          while (next[row] < row_end_[row] && csr_col_[next[row]] < col0 + panel_cols_) ++next[row];
          if (next[row] > begin || col0 == 0) runs.push_back({row, begin, next[row]});
        }
        std::stable_sort(runs.begin(), runs.end(),
                         [](const Run& a, const Run& b) { return a.end - a.begin > b.end - b.begin; });
        for (const Run& run : runs) append_segment(run, row0, col0);
        segment_begin_.push_back(static_cast<int64_t>(segments_.size()));
        slot_begin_.push_back(static_cast<int64_t>(col_.size()));
      }
    }
  }

  void append_segment(const Run& run, int64_t row0, int64_t col0) {
    segments_.push_back({static_cast<uint16_t>(run.row - row0), static_cast<uint16_t>(run.end - run.begin)});
    for (int64_t at = run.begin; at < run.end; ++at) {
      col_.push_back(static_cast<uint16_t>(csr_col_[at] - col0));
      slot_row_.push_back(csr_row_[at]);
      slot_col_.push_back(csr_col_[at]);
    }
  }

  int64_t rows_, cols_, block_rows_, panel_cols_;
  std::vector<int64_t> csr_row_, csr_col_, row_end_;
  std::vector<int64_t> segment_begin_, slot_begin_, slot_row_, slot_col_;
  std::vector<Segment> segments_;
  std::vector<uint16_t> col_;
};

// Every connection exists with the given probability.
inline StreamBuilder random_stream(int64_t rows, int64_t cols, int64_t block_rows, int64_t panel_cols, double density,
                                   uint32_t seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<double> uniform(0.0, 1.0);
  return StreamBuilder(rows, cols, block_rows, panel_cols,
                       [&](int64_t, int64_t) { return uniform(generator) < density; });
}

}  // namespace gossamer::kernels::testing
