#include "gossamer/sparse/rigl.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "runtime/check.h"
#include "sparse/selection/growth.h"
#include "sparse/selection/select.h"

namespace gossamer::sparse {

namespace {

Groups groups_of(const Parameter& parameter, int64_t in, int64_t out) {
  const MatrixSize size = as_matrix(parameter.shape());
  return {.rows = size.rows, .cols = size.cols, .out = std::max<int64_t>(1, out), .in = std::max<int64_t>(1, in)};
}

// The method, asked for an equal number of connections in each group.
InitMethod in_groups(InitMethod method, int64_t in, int64_t out) {
  if (!method || (in <= 1 && out <= 1)) return method;
  return [method = std::move(method), in, out](InitContext context) {
    context.in_groups = std::max<int64_t>(1, in);
    context.out_groups = std::max<int64_t>(1, out);
    return method(context);
  };
}

}  // namespace

RigL::RigL(RigLOptions options)
    : DynamicSparsityAlgorithm("RigL",
                               {.sparsity = std::move(options.sparsity),
                                .init_method = in_groups(std::move(options.init_method), options.balance_in_groups,
                                                         options.balance_out_groups),
                                .seed = options.seed},
                               std::move(options.update)),
      drop_fraction_(std::move(options.drop_fraction)),
      in_groups_(options.balance_in_groups),
      out_groups_(options.balance_out_groups) {
  if (in_groups_ < 0 || out_groups_ < 0) {
    fail<ConfigError>("RigL", "numbers of groups must be at least 0",
                      fmt::format("balance_in_groups {}, balance_out_groups {}", in_groups_, out_groups_));
  }
  if (in_groups_ > 0 && out_groups_ > 0) {
    fail<ConfigError>("RigL", "balance_in_groups and balance_out_groups exclude each other",
                      fmt::format("{} and {}", in_groups_, out_groups_), "give one of them");
  }
}

TopologyChange RigL::first_change(const SparseParameter& parameter) const {
  const MatrixSize size = as_matrix(parameter.param().shape());
  if ((in_groups_ > 0 && size.cols % in_groups_ != 0) || (out_groups_ > 0 && size.rows % out_groups_ != 0)) {
    fail<ConfigError>("RigL",
                      fmt::format("the groups must divide '{}', {} x {}", parameter.name(), size.rows, size.cols),
                      fmt::format("balance_in_groups {}, balance_out_groups {}", in_groups_, out_groups_));
  }
  return DynamicSparsityAlgorithm::first_change(parameter);
}

TopologyChange RigL::plan(const SparseParameter& parameter, float sparsity) {
  const Parameter& p = parameter.param();
  const Groups groups = groups_of(p, in_groups_, out_groups_);
  const int64_t cols = groups.cols;
  Positions kept = largest_magnitudes(*p.topology(), p.values(), groups,
                                      num_after_drop(drop_fraction_.at(time()), p.nnz(), groups.count()));
  std::vector<int64_t> missing(static_cast<size_t>(groups.count()), num_kept(sparsity, groups.size()));
  for (const int64_t at : kept) --missing[static_cast<size_t>(groups.of(at / cols, at % cols))];
  auto grown = grow_by_gradient(kept, groups, missing, [&](const auto& f) { for_each_gradient_block(parameter, f); });
  if (!grown) return {};
  return change_to(p, std::move(kept), std::move(*grown));
}

}  // namespace gossamer::sparse
