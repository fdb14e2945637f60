#include "gossamer/sparse/rigl.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runtime/check.h"
#include "sparse/selection/select.h"
#include "sparse/settings/settings_of.h"

namespace gossamer::sparse {

namespace {

// The method, asked for an equal number of connections in each group.
InitMethod in_groups(InitMethod method, int64_t in, int64_t out) {
  if (!method || (in <= 1 && out <= 1)) return method;
  return [method = std::move(method), in, out](InitContext context) {
    context.in_groups = std::max<int64_t>(1, in);
    context.out_groups = std::max<int64_t>(1, out);
    return method(context);
  };
}

SparsitySettings balanced(const RigLOptions& options) {
  SparsitySettings settings = settings_of(options);
  settings.init_method =
      in_groups(std::move(settings.init_method), options.balance_in_groups, options.balance_out_groups);
  return settings;
}

}  // namespace

RigL::RigL(RigLOptions options)
    : DropAndGrow("RigL", balanced(options), options.update, options.drop_fraction),
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
  return DropAndGrow::first_change(parameter);
}

Groups RigL::groups(const Parameter& parameter) const {
  Groups groups = DropAndGrow::groups(parameter);
  groups.out = std::max<int64_t>(1, out_groups_);
  groups.in = std::max<int64_t>(1, in_groups_);
  return groups;
}

}  // namespace gossamer::sparse
