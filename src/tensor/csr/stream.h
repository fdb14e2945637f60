// The streaming order behind CsrPattern, for the pattern itself and for the operations that call the kernels.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "kernels/csr.h"
#include "runtime/parallel.h"

namespace gossamer {

// Calls f(begin, end) for at most 64 runs of [0, n), in parallel: enough for eight threads to share evenly, few enough
// for each to bring arrays of its own.
template <class F>
void parallel_runs(int64_t n, F&& f) {
  constexpr int64_t kRuns = 64;
  rt::parallel_chunks(n, std::max<int64_t>(1, (n + kRuns - 1) / kRuns), f);
}

// Owns the arrays of a kernels::CsrStream. For a transposed stream, `source` names for each of its slots the slot of
// the pattern: 32 bits wide where they suffice, else 64.
struct StreamPlan {
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t block_rows = 1;
  int64_t panel_cols = 1;
  std::vector<int64_t> segment_begin;
  std::vector<int64_t> slot_begin;
  std::vector<kernels::Segment> segments;
  std::vector<uint16_t> col;
  std::vector<uint32_t> source32;
  std::vector<int64_t> source64;

  kernels::CsrStream view() const {
    return {rows, cols, block_rows, panel_cols, segment_begin.data(), slot_begin.data(), segments.data(), col.data()};
  }
  int64_t nnz() const { return static_cast<int64_t>(col.size()); }
  int64_t bytes() const;

  // values_t[s] = values[source of s]: the values in the order of this transposed stream.
  template <class T>
  void gather_values(const T* values, T* values_t) const;
};

// The streaming order of a canonical CSR matrix, with checked arrays. The same for any number of threads.
StreamPlan build_stream(int64_t rows, int64_t cols, std::span<const int64_t> row_ptr, std::span<const int32_t> col_idx);

struct CsrPatternAccess {
  // CsrPattern::create without its checks.
  static std::shared_ptr<const CsrPattern> of_checked(int64_t rows, int64_t cols, std::span<const int64_t> row_ptr,
                                                      std::span<const int32_t> col_idx);
  // Of a pattern that is not full.
  static kernels::CsrStream stream(const CsrPattern& pattern);
  // The stream of the transposed matrix, built at the first call and kept. Thread-safe.
  static std::shared_ptr<const StreamPlan> transposed(const CsrPattern& pattern);
  // Forgets it, for a pattern that is about to be replaced. Thread-safe: who holds the plan keeps it.
  static void drop_transposed(const CsrPattern& pattern);
};

}  // namespace gossamer
