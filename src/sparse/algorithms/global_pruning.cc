#include "gossamer/sparse/global_pruning.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "runtime/check.h"
#include "sparse/selection/connection_scores.h"
#include "sparse/selection/select.h"
#include "sparse/settings/settings_of.h"

namespace gossamer::sparse {

GlobalPruning::GlobalPruning(GlobalPruningOptions options)
    : DynamicSparsityAlgorithm("GlobalPruning", settings_of(options), std::move(options.update)),
      scores_(std::move(options.scores)) {
  if (!scores_) fail<ConfigError>("GlobalPruning", "scores must be callable", "an empty function");
}

std::vector<TopologyChange> GlobalPruning::plan_all(std::span<const Planned> planned) {
  if (planned.empty()) return {};
  std::vector<Tensor> scores;
  int64_t elements = 0;
  for (const auto& [parameter, context] : planned) {
    scores.push_back(checked_scores("GlobalPruning", parameter.param(), scores_));
    elements += parameter.param().numel();
  }
  // All parameters have the same schedule.
  const int64_t target = num_kept(planned.front().context.sparsity, elements);
  const std::vector<int64_t> keep = share_of_highest(scores, target);
  int64_t missing = target - std::accumulate(keep.begin(), keep.end(), int64_t{0});
  std::vector<TopologyChange> changes;
  for (size_t i = 0; i < planned.size(); ++i) {
    const Parameter& p = planned[i].parameter.param();
    const MatrixSize size = as_matrix(p.shape());
    const int64_t grow = std::min(missing, p.numel() - keep[i]);
    missing -= grow;
    Positions kept = largest_magnitudes(*p.topology(), scores[i], {.rows = size.rows, .cols = size.cols}, keep[i]);
    Positions grown = lowest_absent(kept, grow);
    changes.push_back(change_to(p, std::move(kept), std::move(grown)));
  }
  return changes;
}

}  // namespace gossamer::sparse
