// The streaming order: from canonical CSR to row blocks, column panels and segments, and its transpose.
#include "tensor/csr_stream.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <mutex>

#include "kernels/layout.h"
#include "runtime/parallel.h"

namespace gossamer {

namespace {
template <class T>
int64_t bytes_of(const std::vector<T>& v) {
  return static_cast<int64_t>(v.size() * sizeof(T));
}

// Patterns are few and their plans are built once: one lock for all of them.
std::mutex g_transpose_mutex;
}  // namespace

int64_t StreamPlan::bytes() const {
  return bytes_of(segment_begin) + bytes_of(slot_begin) + bytes_of(segments) + bytes_of(col) + bytes_of(source32) +
         bytes_of(source64);
}

template <class T>
void StreamPlan::gather_values(const T* values, T* values_t) const {
  rt::parallel_chunks(nnz(), rt::kElementGrain, [&](int64_t begin, int64_t end) {
    if (!source32.empty()) {
      for (int64_t s = begin; s < end; ++s) values_t[s] = values[source32[static_cast<size_t>(s)]];
    } else {
      for (int64_t s = begin; s < end; ++s) values_t[s] = values[source64[static_cast<size_t>(s)]];
    }
  });
}
template void StreamPlan::gather_values(const float*, float*) const;
template void StreamPlan::gather_values(const double*, double*) const;

StreamPlan build_stream(int64_t rows, int64_t cols, std::span<const int64_t> row_ptr, std::span<const int32_t> col_idx,
                        std::span<const int64_t> source) {
  const int64_t nnz = static_cast<int64_t>(col_idx.size());
  const kernels::StreamLayout layout = kernels::choose_layout(rows, cols, nnz);
  StreamPlan plan;
  plan.rows = rows;
  plan.cols = cols;
  plan.block_rows = layout.block_rows;
  plan.panel_cols = layout.panel_cols;
  const int64_t blocks = plan.view().blocks();
  const int64_t panels = plan.view().panels();
  plan.segment_begin.reserve(static_cast<size_t>(blocks * panels + 1));
  plan.slot_begin.reserve(static_cast<size_t>(blocks * panels + 1));
  plan.col.reserve(static_cast<size_t>(nnz));
  const bool narrow = nnz <= std::numeric_limits<uint32_t>::max();
  if (!source.empty() && narrow) plan.source32.reserve(source.size());
  if (!source.empty() && !narrow) plan.source64.reserve(source.size());

  std::vector<int64_t> cursor;  // per row of the block: its next nonzero
  std::vector<uint32_t> order;  // segments of a cell, as (65535 - count) << 16 | row: ascending is longest first
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t row0 = block * layout.block_rows;
    const int64_t block_rows = std::min(layout.block_rows, rows - row0);
    cursor.assign(row_ptr.begin() + row0, row_ptr.begin() + row0 + block_rows);
    for (int64_t panel = 0; panel < panels; ++panel) {
      plan.segment_begin.push_back(static_cast<int64_t>(plan.segments.size()));
      plan.slot_begin.push_back(static_cast<int64_t>(plan.col.size()));
      const int64_t col0 = panel * layout.panel_cols;
      const int64_t col_end = std::min(cols, col0 + layout.panel_cols);
      order.clear();
      for (int64_t r = 0; r < block_rows; ++r) {
        const int64_t row_end = row_ptr[row0 + r + 1];
        int64_t i = cursor[static_cast<size_t>(r)];
        const int64_t begin = i;
        while (i < row_end && col_idx[i] < col_end) ++i;
        if (i == begin) continue;
        order.push_back(static_cast<uint32_t>((65535 - (i - begin)) << 16 | r));
      }
      std::sort(order.begin(), order.end());
      for (const uint32_t key : order) {
        const auto row = static_cast<uint16_t>(key & 65535);
        const auto count = static_cast<uint16_t>(65535 - (key >> 16));
        plan.segments.push_back({row, count});
        int64_t& at = cursor[row];
        for (const int64_t end = at + count; at < end; ++at) {
          plan.col.push_back(static_cast<uint16_t>(col_idx[at] - col0));
          if (source.empty()) continue;
          if (narrow) {
            plan.source32.push_back(static_cast<uint32_t>(source[at]));
          } else {
            plan.source64.push_back(source[at]);
          }
        }
      }
    }
  }
  plan.segment_begin.push_back(static_cast<int64_t>(plan.segments.size()));
  plan.slot_begin.push_back(nnz);
  plan.segments.shrink_to_fit();
  return plan;
}

kernels::CsrStream CsrPatternAccess::stream(const CsrPattern& pattern) { return pattern.stream_->view(); }

std::shared_ptr<const StreamPlan> CsrPatternAccess::transposed(const CsrPattern& pattern) {
  if (auto plan = std::atomic_load(&pattern.transposed_)) return plan;
  const std::scoped_lock lock(g_transpose_mutex);
  if (auto plan = std::atomic_load(&pattern.transposed_)) return plan;
  // No parallel region in here: a thread that waits inside one might pick up work that wants the same lock.
  std::vector<int64_t> row_ptr(static_cast<size_t>(pattern.cols_ + 1));
  pattern.for_each([&](const SlotPosition& p) { ++row_ptr[static_cast<size_t>(p.col + 1)]; });
  for (size_t i = 1; i < row_ptr.size(); ++i) row_ptr[i] += row_ptr[i - 1];
  std::vector<int64_t> next(row_ptr.begin(), row_ptr.end() - 1);
  std::vector<int32_t> col_idx(static_cast<size_t>(pattern.nnz_));
  std::vector<int64_t> source(static_cast<size_t>(pattern.nnz_));
  pattern.for_each([&](const SlotPosition& p) {
    const int64_t at = next[static_cast<size_t>(p.col)]++;
    col_idx[static_cast<size_t>(at)] = static_cast<int32_t>(p.row);
    source[static_cast<size_t>(at)] = p.slot;
  });
  auto plan = std::make_shared<const StreamPlan>(build_stream(pattern.cols_, pattern.rows_, row_ptr, col_idx, source));
  std::atomic_store(&pattern.transposed_, plan);
  return plan;
}

}  // namespace gossamer
