// Canonical CSR arrays, in whatever integers a caller has them.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include <fmt/format.h>

#include "gossamer/csr_pattern.h"
#include "tensor/csr/stream.h"
#include "tensor/csr/walk.h"

namespace gossamer {

// The smallest i of [0, n) for which holds(i) is false, or n.
template <class F>
int64_t first_failure(int64_t n, const F& holds) {
  std::atomic<int64_t> first = n;
  parallel_runs(n, [&](int64_t begin, int64_t end) {
    int64_t i = begin;
    while (i < end && holds(i)) ++i;
    if (i == end) return;
    int64_t seen = first.load();
    while (i < seen && !first.compare_exchange_weak(seen, i)) {
    }
  });
  return first.load();
}

struct CsrFault {
  enum class In { RowPointers, Columns };
  In in;
  std::string must;
  std::string given;
};

// What keeps rows + 1 row pointers and nnz columns from being a pattern, if anything does: the pointers must ascend
// from 0 to nnz, the columns of each row strictly, within [0, cols).
template <class Row, class Column>
std::optional<CsrFault> csr_fault(int64_t cols, std::span<const Row> row_ptr, std::span<const Column> col_idx) {
  const auto rows = static_cast<int64_t>(row_ptr.size()) - 1;
  const auto nnz = static_cast<int64_t>(col_idx.size());
  const int64_t falls = first_failure(rows, [&](int64_t row) { return row_ptr[row] <= row_ptr[row + 1]; });
  if (row_ptr.front() != 0 || row_ptr.back() != nnz || falls != rows) {
    return CsrFault{CsrFault::In::RowPointers, fmt::format("ascend from 0 to nnz = {}", nnz),
                    row_ptr.front() != 0 || row_ptr.back() != nnz
                        ? fmt::format("it starts at {} and ends at {}", row_ptr.front(), row_ptr.back())
                        : fmt::format("element {} is {} after {}", falls + 1, row_ptr[falls + 1], row_ptr[falls])};
  }
  // The first column of a row that does not follow the one before it, or its end.
  const auto misplaced = [&](int64_t row) {
    int64_t before = -1;
    int64_t i = row_ptr[row];
    for (; i < row_ptr[row + 1] && col_idx[i] > before && col_idx[i] < cols; ++i) before = col_idx[i];
    return i;
  };
  const int64_t row = first_failure(rows, [&](int64_t r) { return misplaced(r) == row_ptr[r + 1]; });
  if (row == rows) return {};
  const int64_t i = misplaced(row);
  return CsrFault{CsrFault::In::Columns, fmt::format("ascend strictly within [0, {})", cols),
                  fmt::format("row {} has {} after {}", row, col_idx[i],
                              i == row_ptr[row] ? -1 : static_cast<int64_t>(col_idx[i - 1]))};
}

// Writes the rows + 1 row pointers, which must be 0 before, and the nnz columns of a pattern.
template <class Row, class Column>
void write_csr(const CsrPattern& pattern, Row* row_ptr, Column* col_idx) {
  parallel_row_blocks(pattern, [&](const CsrWalk& walk, int64_t block) {
    Column* to = col_idx + walk.slot_begin(block);
    walk.for_each([&](const SlotPosition& p) {
      ++row_ptr[p.row + 1];
      *to++ = static_cast<Column>(p.col);
    });
  });
  for (int64_t row = 0; row < pattern.rows(); ++row) row_ptr[row + 1] += row_ptr[row];
}

}  // namespace gossamer
