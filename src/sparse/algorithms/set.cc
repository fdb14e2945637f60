#include "gossamer/sparse/set.h"

#include <fmt/format.h>

#include "runtime/check.h"
#include "sparse/selection/select.h"
#include "tensor/dispatch.h"

namespace gossamer::sparse {

SET::SET(SETOptions options)
    : DynamicSparsityAlgorithm("SET",
                               {.sparsity = std::move(options.sparsity),
                                .init_method = std::move(options.init_method),
                                .seed = options.seed},
                               std::move(options.update)),
      drop_fraction_(std::move(options.drop_fraction)),
      growth_scores_(std::move(options.growth_scores)) {}

TopologyChange SET::plan(const SparseParameter& parameter, float sparsity) {
  const Parameter& p = parameter.param();
  const MatrixSize size = as_matrix(p.shape());
  const int64_t n = size.rows * size.cols;
  Positions kept = largest_magnitudes(*p.topology(), p.values(), {.rows = size.rows, .cols = size.cols},
                                      num_after_drop(drop_fraction_.at(time()), p.nnz(), 1));
  const int64_t grow = std::max<int64_t>(num_kept(sparsity, n) - static_cast<int64_t>(kept.size()), 0);
  Positions grown;
  if (growth_scores_) {
    const Tensor scores = growth_scores_(parameter, time().step);
    if (scores.shape() != p.shape()) {
      fail<ShapeError>("SET growth_scores",
                       fmt::format("scores of '{}' must have shape {}", parameter.name(), p.shape().to_string()),
                       scores.shape().to_string());
    }
    TopK best(grow);
    dispatch_floating(scores.dtype(), "SET growth_scores", [&]<class T>() {
      const T* s = scores.data<T>();
      for_each_absent(kept, size.cols, 0, size.rows, [&](int64_t, int64_t, int64_t at) { best.offer(s[at], at); });
    });
    best.take(grown);
  } else {
    grown = random_absent(kept, n, grow, key(parameter));
  }
  return change_to(p, std::move(kept), std::move(grown));
}

}  // namespace gossamer::sparse
