// From row-major nonzeros to the streaming order: shared by patterns and their transposes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "kernels/layout.h"
#include "tensor/csr/stream.h"

namespace gossamer {

// A nonzero of the transposed matrix on its way into a stream: its column there, and its slot in the pattern.
template <class Slot>
struct TransposedEntry {
  int32_t col;
  Slot source;
};

inline int32_t column(int32_t entry) { return entry; }
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
StreamPlan build_plan(int64_t rows, int64_t cols, std::span<const int64_t> row_ptr, std::span<const Entry> entries,
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

}  // namespace gossamer
