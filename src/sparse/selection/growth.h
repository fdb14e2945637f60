// Growth by gradient: the largest magnitudes of a dense matrix that is only ever seen block by block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "gossamer/tensor.h"
#include "sparse/selection/select.h"
#include "tensor/arith.h"

namespace gossamer::sparse {

// Chooses among the positions that are not `present` (a reference is held) the missing[group] largest magnitudes of
// each group, ties to the lower position. Exact, and the same for any number of threads. Beside the block it is given
// it keeps O(sum of missing) candidates.
class GradientGrowth {
 public:
  GradientGrowth(const Positions& present, const Groups& groups, const std::vector<int64_t>& missing);

  // The row blocks [n, cols] of the matrix, in order, all finite, f32 or f64 throughout. Overwrites the block's
  // elements at present positions: it is scratch of GradientTap::for_each_block.
  void offer(int64_t row_begin, Tensor block);

  // The chosen positions, ascending; empties the selection.
  Positions take();

 private:
  // Magnitudes order as their bits do. A histogram over the leading bits tells before anything is stored which elements
  // cannot be among the k largest.
  static constexpr size_t kBuckets = 4096;

  template <class T>
  void offer_ungrouped(int64_t first, T* block, int64_t n);
  // The bucket that holds the k-th largest candidate, the lowest where there are fewer; all below it are out.
  struct KthBucket {
    size_t bucket;
    int64_t above;  // candidates in higher buckets
  };
  KthBucket kth_bucket() const;
  // Exactly the k largest stay.
  void cut();

  const Positions& present_;
  Groups groups_;
  std::vector<TopK> best_;  // of each group, where there are several

  // Of the only group. Candidates in ascending order of position.
  int64_t k_ = 0;
  std::vector<uint64_t> bits_;
  Positions positions_;
  std::vector<int64_t> histogram_;  // of the candidates; below the limit's bucket also of what was not stored
  uint64_t limit_ = 0;              // smaller bits are out
  int shift_ = 0;                   // from bits to buckets
};

// The growth beside `kept` from the blocks that for_each_block(f) gives to f(row_begin, block). Nothing where the
// matrix is not finite.
template <class ForEachBlock>
std::optional<Positions> grow_by_gradient(const Positions& kept, const Groups& groups,
                                          const std::vector<int64_t>& missing, ForEachBlock&& for_each_block) {
  GradientGrowth growth(kept, groups, missing);
  bool finite = true;
  for_each_block([&](int64_t row_begin, const Tensor& block) {
    finite = finite && all_finite(block);
    if (finite) growth.offer(row_begin, block);
  });
  if (!finite) return std::nullopt;
  return growth.take();
}

}  // namespace gossamer::sparse
