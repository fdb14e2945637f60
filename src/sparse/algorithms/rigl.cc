#include "gossamer/sparse/rigl.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runtime/check.h"
#include "sparse/selection/select.h"
#include "sparse/settings/settings_of.h"

namespace gossamer::sparse {

RigL::RigL(RigLOptions options)
    : DropAndGrow("RigL", settings_of(options), options.update, options.drop_fraction),
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
  const auto divides = [](int64_t groups, int64_t n) { return groups <= 1 || (n > 0 && n % groups == 0); };
  if (!divides(in_groups_, size.cols) || !divides(out_groups_, size.rows)) {
    fail<ConfigError>("RigL",
                      fmt::format("the groups must divide '{}', {} x {}", parameter.name(), size.rows, size.cols),
                      fmt::format("balance_in_groups {}, balance_out_groups {}", in_groups_, out_groups_));
  }
  return DropAndGrow::first_change(parameter);
}

void RigL::complete(InitContext& context) const {
  context.in_groups = std::max<int64_t>(1, in_groups_);
  context.out_groups = std::max<int64_t>(1, out_groups_);
}

Groups RigL::groups(const Parameter& parameter) const {
  Groups groups = DropAndGrow::groups(parameter);
  groups.out = std::max<int64_t>(1, out_groups_);
  groups.in = std::max<int64_t>(1, in_groups_);
  return groups;
}

}  // namespace gossamer::sparse
