#include "gossamer/sparse/drop_and_grow.h"

#include <algorithm>
#include <utility>

#include "sparse/selection/growth.h"
#include "sparse/selection/select.h"
#include "sparse/settings/drop_fraction.h"

namespace gossamer::sparse {

DropAndGrow::DropAndGrow(std::string name, SparsitySettings settings, UpdateSchedule update, Schedule drop_fraction)
    : DynamicSparsityAlgorithm(std::move(name), std::move(settings), std::move(update)),
      drop_fraction_(std::move(drop_fraction)) {
  check_drop_fraction(this->name(), drop_fraction_);
}

Groups DropAndGrow::groups(const Parameter& parameter) const {
  const MatrixSize size = as_matrix(parameter.shape());
  return {.rows = size.rows, .cols = size.cols};
}

int64_t DropAndGrow::num_to_keep(const Parameter& parameter, const PlanContext& context) const {
  return num_after_drop(drop_fraction_.at(context.time), parameter.nnz(), groups(parameter).count());
}

std::optional<Positions> DropAndGrow::grow(const SparseParameter& parameter, const PlanContext&,
                                           const Vacancy& vacancy) const {
  return grow_by_gradient(vacancy.kept, vacancy.groups, vacancy.missing,
                          [&](const auto& f) { for_each_gradient_block(parameter, f); });
}

TopologyChange DropAndGrow::plan(const SparseParameter& parameter, const PlanContext& context) {
  return drop_and_grow(parameter, context);
}

TopologyChange DropAndGrow::drop_and_grow(const SparseParameter& parameter, const PlanContext& context,
                                          std::optional<int64_t> missing) const {
  const Parameter& p = parameter.param();
  const Groups groups = this->groups(p);
  Positions kept = largest_magnitudes(*p.topology(), drop_scores(p), groups, num_to_keep(p, context));
  std::vector<int64_t> in_group(static_cast<size_t>(groups.count()),
                                missing.value_or(num_kept(context.sparsity, groups.size())));
  if (!missing) {
    if (groups.count() == 1) {
      in_group[0] -= static_cast<int64_t>(kept.size());
    } else {
      for (const int64_t at : kept) --in_group[static_cast<size_t>(groups.of(at / groups.cols, at % groups.cols))];
    }
    for (int64_t& m : in_group) m = std::max<int64_t>(m, 0);
  }
  auto grown = grow(parameter, context, {.kept = kept, .groups = groups, .missing = std::move(in_group)});
  if (!grown) return {};
  return change_to(p, std::move(kept), std::move(*grown));
}

}  // namespace gossamer::sparse
