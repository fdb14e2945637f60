// The plan of the transposed matrix, built at the first call and kept with the pattern.
#include <fmt/format.h>

#include <atomic>
#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "runtime/check.h"
#include "runtime/fork.h"
#include "tensor/csr/build.h"
#include "tensor/csr/stream.h"

namespace gossamer {

namespace {

// Patterns are few and their plans are built once: one lock for all of them.
constinit rt::ForkMutex g_transpose_mutex;

// Calls f(row in block, first slot, count) for the segments of one cell in ascending order of their rows.
class SegmentsByRow {
 public:
  explicit SegmentsByRow(const kernels::CsrStream& w)
      : w_(w), present_(static_cast<size_t>((w.block_rows + 63) / 64)), of_row_(static_cast<size_t>(w.block_rows)) {}

  template <class F>
  void operator()(int64_t cell, F&& f) {
    int64_t slot = w_.slot_begin[cell];
    for (int64_t i = w_.segment_begin[cell]; i < w_.segment_begin[cell + 1]; ++i) {
      const auto [row, count] = w_.segments[i];
      present_[row / 64U] |= uint64_t{1} << row % 64;
      of_row_[row] = {slot, count};
      slot += count;
    }
    for (size_t word = 0; word < present_.size(); ++word) {
      for (uint64_t bits = std::exchange(present_[word], 0); bits != 0; bits &= bits - 1) {
        const size_t row = word * 64 + static_cast<size_t>(std::countr_zero(bits));
        f(static_cast<int64_t>(row), of_row_[row].slot, of_row_[row].count);
      }
    }
  }

 private:
  struct Run {
    int64_t slot;
    int64_t count;
  };
  const kernels::CsrStream& w_;
  std::vector<uint64_t> present_;
  std::vector<Run> of_row_;
};

// Nonzeros of a transposed matrix in row-major order.
template <class Slot>
struct Transposed {
  std::vector<int64_t> row_ptr;
  std::vector<TransposedEntry<Slot>> entries;
};

template <class Slot>
Transposed<Slot> transpose_full(int64_t rows, int64_t cols) {
  Transposed<Slot> t{std::vector<int64_t>(static_cast<size_t>(cols + 1)), {}};
  t.entries.reserve(static_cast<size_t>(rows * cols));
  for (int64_t col = 0; col < cols; ++col) {
    for (int64_t row = 0; row < rows; ++row) {
      t.entries.push_back({static_cast<int32_t>(row), static_cast<Slot>(row * cols + col)});
    }
    t.row_ptr[static_cast<size_t>(col + 1)] = (col + 1) * rows;
  }
  return t;
}

template <class Slot>
Transposed<Slot> transpose(const kernels::CsrStream& w, int64_t nnz) {
  const int64_t blocks = w.blocks();
  const int64_t panels = w.panels();
  // A panel is a run of rows of the transpose: the task of a panel writes their counts and entries.
  std::vector<int64_t> row_ptr(static_cast<size_t>(w.cols + 1));
  const auto for_each_cell = [&](int64_t panel, auto&& f) {
    for (int64_t block = 0; block < blocks; ++block) f(block * panels + panel, block * w.block_rows);
  };
  parallel_runs(panels, [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel) {
      int64_t* const count = row_ptr.data() + panel * w.panel_cols + 1;
      for_each_cell(panel, [&](int64_t cell, int64_t) {
        for (int64_t s = w.slot_begin[cell]; s < w.slot_begin[cell + 1]; ++s) ++count[w.col[s]];
      });
    }
  });
  for (size_t i = 1; i < row_ptr.size(); ++i) row_ptr[i] += row_ptr[i - 1];
  std::vector<TransposedEntry<Slot>> entries(static_cast<size_t>(nnz));
  parallel_runs(panels, [&](int64_t begin, int64_t end) {
    SegmentsByRow for_each_segment(w);
    std::vector<int64_t> next;
    for (int64_t panel = begin; panel < end; ++panel) {
      const int64_t col0 = panel * w.panel_cols;
      next.assign(row_ptr.begin() + col0, row_ptr.begin() + std::min(w.cols, col0 + w.panel_cols));
      for_each_cell(panel, [&](int64_t cell, int64_t row0) {
        for_each_segment(cell, [&](int64_t row, int64_t slot, int64_t count) {
          for (int64_t s = slot; s < slot + count; ++s) {
            const int64_t to = next[w.col[s]]++;
            entries[static_cast<size_t>(to)] = {static_cast<int32_t>(row0 + row), static_cast<Slot>(s)};
          }
        });
      });
    }
  });
  return {std::move(row_ptr), std::move(entries)};
}

template <class Slot>
StreamPlan build_transposed(int64_t rows, int64_t cols, const Transposed<Slot>& t,
                            std::vector<Slot> StreamPlan::*source_of) {
  std::vector<Slot> source(t.entries.size());
  StreamPlan plan = build_plan<TransposedEntry<Slot>>(
      cols, rows, t.row_ptr, t.entries,
      [&](int64_t slot, const TransposedEntry<Slot>& entry) { source[static_cast<size_t>(slot)] = entry.source; });
  plan.*source_of = std::move(source);
  return plan;
}

}  // namespace

std::shared_ptr<const StreamPlan> CsrPatternAccess::transposed(const CsrPattern& pattern) {
  if (auto plan = std::atomic_load(&pattern.transposed_)) return plan;
  if (pattern.rows_ > std::numeric_limits<int32_t>::max()) {
    fail<ShapeError>("CsrPattern", "rows must be within [0, 2^31) where the gradient of a product's input is needed",
                     fmt::format("{} x {}", pattern.rows_, pattern.cols_), "detach() the input");
  }
  const std::scoped_lock lock(g_transpose_mutex);
  if (auto plan = std::atomic_load(&pattern.transposed_)) return plan;
  // A thread that waits for the loops in here takes no task from outside them (parallel.h), so none that wants the
  // lock.
  const auto build_with = [&]<class Slot>(std::vector<Slot> StreamPlan::*source) {
    return std::make_shared<const StreamPlan>(build_transposed(pattern.rows_, pattern.cols_,
                                                               pattern.full_
                                                                   ? transpose_full<Slot>(pattern.rows_, pattern.cols_)
                                                                   : transpose<Slot>(stream(pattern), pattern.nnz_),
                                                               source));
  };
  const bool narrow = pattern.nnz_ <= std::numeric_limits<uint32_t>::max();
  auto plan = narrow ? build_with(&StreamPlan::source32) : build_with(&StreamPlan::source64);
  std::atomic_store(&pattern.transposed_, plan);
  return plan;
}

void CsrPatternAccess::drop_transposed(const CsrPattern& pattern) {
  std::atomic_store(&pattern.transposed_, std::shared_ptr<const StreamPlan>());
}

}  // namespace gossamer
