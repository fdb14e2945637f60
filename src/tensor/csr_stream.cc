// The streaming order: from canonical CSR to row blocks, column panels and segments, and its transpose.
#include "tensor/csr_stream.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <limits>
#include <mutex>
#include <utility>

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

namespace {

// A nonzero of the transposed matrix on its way into a stream: its column there, and its slot in the pattern.
template <class Slot>
struct TransposedEntry {
  int32_t col;
  Slot source;
};

int32_t column(int32_t entry) { return entry; }
template <class Slot>
int32_t column(const TransposedEntry<Slot>& entry) {
  return entry.col;
}

// Calls f(row in block, panel, begin, end) for the runs of one panel in the rows of a block, in row-major order. Every
// row has a run in the first panel, if only an empty one.
template <class Entry, class F>
void for_each_run(const StreamPlan& plan, std::span<const int64_t> row_ptr, const Entry* entries, int64_t block,
                  F&& f) {
  const int64_t row0 = block * plan.block_rows;
  const int64_t rows = std::min(plan.block_rows, plan.rows - row0);
  const auto width = static_cast<uint32_t>(plan.panel_cols);
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t end = row_ptr[static_cast<size_t>(row0 + row + 1)];
    int64_t i = row_ptr[static_cast<size_t>(row0 + row)];
    if (plan.cols > 0 && (i == end || column(entries[i]) >= plan.panel_cols)) f(row, int64_t{0}, i, i);
    while (i < end) {
      const uint32_t panel = static_cast<uint32_t>(column(entries[i])) / width;
      const int64_t col_end = (int64_t{panel} + 1) * plan.panel_cols;
      const int64_t begin = i;
      do ++i;
      while (i < end && column(entries[i]) < col_end);
      f(row, static_cast<int64_t>(panel), begin, i);
    }
  }
}

// What a task needs to fill the cells of its blocks.
struct CellScratch {
  struct Run {
    int64_t begin;
    kernels::Segment segment;
  };
  std::vector<Run> runs;          // of a block, cell after cell, by row
  std::vector<int64_t> next_run;  // per panel
  std::vector<uint32_t> next;     // of the segments of one cell, by count: where the next one goes
  std::vector<int64_t> begin;     // of the segments of one cell: its first entry
};

// Segments and slots of one block. write(slot, entry, col0) stores an entry.
template <class Entry, class Write>
void fill_block(StreamPlan& plan, std::span<const int64_t> row_ptr, const Entry* entries, int64_t block,
                CellScratch& scratch, const Write& write) {
  const int64_t panels = plan.view().panels();
  const int64_t* const segment_begin = plan.segment_begin.data() + block * panels;
  scratch.runs.resize(static_cast<size_t>(segment_begin[panels] - segment_begin[0]));
  scratch.next_run.resize(static_cast<size_t>(panels));
  for (int64_t p = 0; p < panels; ++p) scratch.next_run[static_cast<size_t>(p)] = segment_begin[p] - segment_begin[0];
  for_each_run(plan, row_ptr, entries, block, [&](int64_t row, int64_t panel, int64_t begin, int64_t end) {
    const kernels::Segment segment{static_cast<uint16_t>(row), static_cast<uint16_t>(end - begin)};
    scratch.runs[static_cast<size_t>(scratch.next_run[static_cast<size_t>(panel)]++)] = {begin, segment};
  });
  for (int64_t panel = 0; panel < panels; ++panel) {
    const CellScratch::Run* const runs = scratch.runs.data() + (segment_begin[panel] - segment_begin[0]);
    const auto count = static_cast<size_t>(segment_begin[panel + 1] - segment_begin[panel]);
    if (count == 0) continue;
    kernels::Segment* const segments = plan.segments.data() + segment_begin[panel];
    // A counting sort, longest first, which leaves equal counts in the order of their rows.
    uint16_t longest = 0;
    for (size_t i = 0; i < count; ++i) longest = std::max(longest, runs[i].segment.count);
    scratch.next.assign(size_t{longest} + 1, 0);
    for (size_t i = 0; i < count; ++i) ++scratch.next[runs[i].segment.count];
    uint32_t at = 0;
    for (size_t c = size_t{longest} + 1; c-- > 0;) at += std::exchange(scratch.next[c], at);
    scratch.begin.resize(count);
    for (size_t i = 0; i < count; ++i) {
      const uint32_t to = scratch.next[runs[i].segment.count]++;
      segments[to] = runs[i].segment;
      scratch.begin[to] = runs[i].begin;
    }
    int64_t slot = plan.slot_begin[static_cast<size_t>(block * panels + panel)];
    const int64_t col0 = panel * plan.panel_cols;
    for (size_t i = 0; i < count; ++i) {
      const Entry* const from = entries + scratch.begin[i];
      for (int64_t k = 0; k < segments[i].count; ++k, ++slot) write(slot, from[k], col0);
    }
  }
}

// Blocks are built in parallel, into arrays whose parts were counted first.
template <class Entry, class Write>
StreamPlan build(int64_t rows, int64_t cols, std::span<const int64_t> row_ptr, std::span<const Entry> entries,
                 const Write& write) {
  const auto nnz = static_cast<int64_t>(entries.size());
  const kernels::StreamLayout layout = kernels::choose_layout(rows, cols, nnz);
  StreamPlan plan;
  plan.rows = rows;
  plan.cols = cols;
  plan.block_rows = layout.block_rows;
  plan.panel_cols = layout.panel_cols;
  const int64_t blocks = plan.view().blocks();
  const int64_t panels = plan.view().panels();
  plan.segment_begin.resize(static_cast<size_t>(blocks * panels + 1));
  plan.slot_begin.resize(static_cast<size_t>(blocks * panels + 1));
  parallel_runs(blocks, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      int64_t* const segments = plan.segment_begin.data() + block * panels + 1;
      int64_t* const slots = plan.slot_begin.data() + block * panels + 1;
      for_each_run(plan, row_ptr, entries.data(), block, [&](int64_t, int64_t panel, int64_t from, int64_t to) {
        ++segments[panel];
        slots[panel] += to - from;
      });
    }
  });
  for (size_t cell = 1; cell < plan.slot_begin.size(); ++cell) {
    plan.segment_begin[cell] += plan.segment_begin[cell - 1];
    plan.slot_begin[cell] += plan.slot_begin[cell - 1];
  }
  plan.segments.resize(static_cast<size_t>(plan.segment_begin.back()));
  plan.col.resize(static_cast<size_t>(nnz));
  parallel_runs(blocks, [&](int64_t begin, int64_t end) {
    CellScratch scratch;
    for (int64_t block = begin; block < end; ++block) {
      fill_block(plan, row_ptr, entries.data(), block, scratch, [&](int64_t slot, const Entry& entry, int64_t col0) {
        plan.col[static_cast<size_t>(slot)] = static_cast<uint16_t>(column(entry) - col0);
        write(slot, entry);
      });
    }
  });
  return plan;
}

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
  // A panel is a run of rows of the transpose: whoever owns the panel owns their counts and entries.
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
  StreamPlan plan = build<TransposedEntry<Slot>>(
      cols, rows, t.row_ptr, t.entries,
      [&](int64_t slot, const TransposedEntry<Slot>& entry) { source[static_cast<size_t>(slot)] = entry.source; });
  plan.*source_of = std::move(source);
  return plan;
}

}  // namespace

StreamPlan build_stream(int64_t rows, int64_t cols, std::span<const int64_t> row_ptr,
                        std::span<const int32_t> col_idx) {
  return build(rows, cols, row_ptr, col_idx, [](int64_t, int32_t) {});
}

kernels::CsrStream CsrPatternAccess::stream(const CsrPattern& pattern) { return pattern.stream_->view(); }

std::shared_ptr<const StreamPlan> CsrPatternAccess::transposed(const CsrPattern& pattern) {
  if (auto plan = std::atomic_load(&pattern.transposed_)) return plan;
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
