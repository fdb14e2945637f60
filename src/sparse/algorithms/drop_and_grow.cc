#include "gossamer/sparse/drop_and_grow.h"

#include <algorithm>
#include <utility>

#include "parameter/change.h"
#include "sparse/selection/growth.h"
#include "sparse/selection/select.h"
#include "sparse/settings/shares.h"

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

int64_t DropAndGrow::num_to_keep(const Parameter& parameter, int64_t nnz, const PlanContext& context) const {
  return num_after_drop(drop_fraction_.at(context.time), nnz, groups(parameter).count());
}

std::optional<DynamicSparsityAlgorithm::End> DropAndGrow::foresee_end(
    const std::vector<SparseParameter>& parameters) const {
  // Longer searches than a moment's are left to the last update.
  constexpr int64_t kMaxPlans = 100000;
  const int64_t last = last_update_step();
  const UpdateSchedule& update = update_schedule();
  bool asks_a_function = drop_fraction_.get_if<Lambda>() != nullptr;
  sparsity().for_each([&](const Schedule& s) { asks_a_function = asks_a_function || s.get_if<Lambda>() != nullptr; });
  const int64_t updates = update.steps  ? std::ssize(*update.steps)
                          : update.freq ? (last - update.start) / *update.freq
                                        : kMaxPlans;
  if (asks_a_function || updates > kMaxPlans / std::ssize(parameters)) return std::nullopt;
  std::vector<int64_t> steps = update.steps.value_or(std::vector<int64_t>());
  for (int64_t i = 0; !update.steps && i <= updates; ++i) steps.push_back(update.start + i * *update.freq);
  std::ranges::sort(steps);
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
  std::erase_if(steps, [](int64_t step) { return step < 1; });
  End end{.connections = 0, .time = {.step = last, .updates = static_cast<int64_t>(steps.size()) - 1}};
  for (const SparseParameter& p : parameters) {
    const Groups groups = this->groups(p.param());
    const PreparedChange* first = change_of(p.param());
    int64_t nnz = first == nullptr ? p.param().nnz() : first->pattern()->nnz();
    for (size_t i = 0; i < steps.size(); ++i) {
      PlanContext context{.time = {.step = steps[i], .updates = static_cast<int64_t>(i)}};
      context.sparsity = sparsity_at(p, context.time);
      const int64_t kept = std::min(num_to_keep(p.param(), nnz, context) * groups.count(), nnz);
      nnz = std::max(kept, num_kept(context.sparsity, groups.size()) * groups.count());
    }
    end.connections += nnz;
  }
  return end;
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
  Positions kept = largest_magnitudes(*p.topology(), drop_scores(p), groups, num_to_keep(p, p.nnz(), context));
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
