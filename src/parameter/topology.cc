// What survives from one pattern to the next.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "gossamer/parameter.h"
#include "runtime/check.h"
#include "runtime/parallel.h"
#include "tensor/csr/walk.h"

namespace gossamer {

TopologyChange TopologyChange::between(const CsrPattern& from, std::shared_ptr<const CsrPattern> to) {
  if (!to || from.rows() != to->rows() || from.cols() != to->cols()) {
    fail<ShapeError>("TopologyChange::between", fmt::format("both patterns must be {} x {}", from.rows(), from.cols()),
                     to ? fmt::format("{} x {}", to->rows(), to->cols()) : "none");
  }
  std::vector<int64_t> source(static_cast<size_t>(to->nnz()));
  if (from.is_full()) {
    parallel_row_blocks(*to, [&](const CsrWalk& walk, int64_t) {
      walk.for_each([&](const SlotPosition& p) { source[static_cast<size_t>(p.slot)] = p.row * from.cols() + p.col; });
    });
    return {std::move(to), std::move(source)};
  }
  const CsrWalk sizes(*to);
  const CsrWalk old_sizes(from);
  // Where one of the patterns has fewer blocks, each of its blocks is loaded by one run only.
  const int64_t runs = std::clamp<int64_t>(std::min(sizes.blocks(), old_sizes.blocks()), 1, 64);
  rt::parallel_for(runs, [&](int64_t run) {
    const int64_t begin = run * sizes.blocks() / runs;
    const int64_t end = (run + 1) * sizes.blocks() / runs;
    if (begin == end) return;
    CsrWalk walk(*to);
    CsrWalk old_walk(from);
    old_walk.load(old_sizes.block_of(sizes.row_begin(begin)));
    SlotPosition old{};
    bool more = old_walk.next(old);
    for (int64_t block = begin; block < end; ++block) {
      walk.load(block);
      walk.for_each([&](const SlotPosition& p) {
        while (more && (old.row < p.row || (old.row == p.row && old.col < p.col))) more = old_walk.next(old);
        const bool survives = more && old.row == p.row && old.col == p.col;
        source[static_cast<size_t>(p.slot)] = survives ? old.slot : -1;
      });
    }
  });
  return {std::move(to), std::move(source)};
}

}  // namespace gossamer
