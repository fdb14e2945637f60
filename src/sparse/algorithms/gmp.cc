#include "gossamer/sparse/gmp.h"

#include <fmt/format.h>

#include <utility>

#include "runtime/check.h"
#include "sparse/selection/select.h"
#include "sparse/settings/settings_of.h"

namespace gossamer::sparse {

GMP::GMP(GMPOptions options) : DynamicSparsityAlgorithm("GMP", settings_of(options), std::move(options.update)) {
  this->sparsity().for_each([](const Schedule& schedule) {
    if (!schedule.is_constant()) return;
    fail<ConfigError>("GMP", "sparsity must change over training", fmt::format("the constant {}", schedule.at({})),
                      "use Static for a constant sparsity");
  });
}

TopologyChange GMP::plan(const SparseParameter& parameter, const PlanContext& context) {
  const Parameter& p = parameter.param();
  const MatrixSize size = as_matrix(p.shape());
  const int64_t n = size.rows * size.cols;
  const int64_t target = num_kept(context.sparsity, n);
  if (target == n) return {CsrPattern::full(size.rows, size.cols)};
  Positions kept = largest_magnitudes(*p.topology(), p.values(), {.rows = size.rows, .cols = size.cols}, target);
  Positions grown = lowest_absent(kept, target - static_cast<int64_t>(kept.size()));
  return change_to(p, std::move(kept), std::move(grown));
}

}  // namespace gossamer::sparse
