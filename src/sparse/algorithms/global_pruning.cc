#include "gossamer/sparse/global_pruning.h"

#include <algorithm>
#include <utility>

#include "runtime/check.h"
#include "sparse/selection/connection_scores.h"
#include "sparse/selection/select.h"

namespace gossamer::sparse {

GlobalPruning::GlobalPruning(GlobalPruningOptions options)
    : DynamicSparsityAlgorithm("GlobalPruning",
                               {.sparsity = std::move(options.sparsity),
                                .init_method = std::move(options.init_method),
                                .seed = options.seed},
                               std::move(options.update)),
      scores_(std::move(options.scores)) {
  if (!scores_) fail<ConfigError>("GlobalPruning", "scores must be callable", "an empty function");
}

void GlobalPruning::begin_update(const std::vector<SparseParameter>& parameters, const std::vector<float>& sparsities) {
  shares_.clear();
  if (parameters.empty()) return;
  std::vector<Tensor> scores;
  int64_t elements = 0;
  for (const SparseParameter& p : parameters) {
    scores.push_back(checked_scores("GlobalPruning", p.param(), scores_));
    elements += p.param().numel();
  }
  // All parameters have the same schedule.
  const int64_t target = num_kept(sparsities.front(), elements);
  const std::vector<int64_t> kept = share_of_highest(scores, target);
  int64_t missing = target;
  for (const int64_t k : kept) missing -= k;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& p = parameters[i].param();
    const int64_t grown = std::min(missing, p.numel() - kept[i]);
    shares_[p.id()] = {kept[i], grown};
    missing -= grown;
  }
}

TopologyChange GlobalPruning::plan(const SparseParameter& parameter, float) {
  const Parameter& p = parameter.param();
  const MatrixSize size = as_matrix(p.shape());
  const auto [keep, grow] = shares_.at(p.id());
  Positions kept = largest_magnitudes(*p.topology(), scores_(p), {.rows = size.rows, .cols = size.cols}, keep);
  Positions grown = lowest_absent(kept, grow);
  return change_to(p, std::move(kept), std::move(grown));
}

}  // namespace gossamer::sparse
