#include "gossamer/sparse/granet.h"

#include <algorithm>
#include <utility>

#include "sparse/selection/growth.h"
#include "sparse/selection/select.h"

namespace gossamer::sparse {

GraNet::GraNet(GraNetOptions options)
    : DynamicSparsityAlgorithm("GraNet",
                               {.sparsity = std::move(options.sparsity),
                                .init_method = std::move(options.init_method),
                                .seed = options.seed},
                               std::move(options.update)),
      drop_fraction_(std::move(options.drop_fraction)) {}

TopologyChange GraNet::plan(const SparseParameter& parameter, float sparsity) {
  const Parameter& p = parameter.param();
  const MatrixSize size = as_matrix(p.shape());
  const Groups whole{.rows = size.rows, .cols = size.cols};
  const int64_t target = num_kept(sparsity, whole.size());
  Positions kept = largest_magnitudes(*p.topology(), p.values(), whole,
                                      num_after_drop(drop_fraction_.at(time()), std::min(target, p.nnz()), 1));
  const std::vector<int64_t> missing{target - static_cast<int64_t>(kept.size())};
  auto grown = grow_by_gradient(kept, whole, missing, [&](const auto& f) { for_each_gradient_block(parameter, f); });
  if (!grown) return {};
  return change_to(p, std::move(kept), std::move(*grown));
}

}  // namespace gossamer::sparse
