#include "gossamer/sparse/mest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "gossamer/dispatch.h"
#include "runtime/check.h"
#include "sparse/selection/select.h"
#include "sparse/settings/settings_of.h"

namespace gossamer::sparse {

MEST::MEST(MESTOptions options)
    : DropAndGrow("MEST", settings_of(options), options.update, options.drop_fraction),
      gradient_weight_(options.gradient_weight) {
  if (!(gradient_weight_ >= 0 && std::isfinite(gradient_weight_))) {
    fail<ConfigError>("MEST", "gradient_weight must be at least 0 and finite", fmt::format("{}", gradient_weight_));
  }
}

Tensor MEST::drop_scores(const Parameter& parameter) const {
  const Tensor values = parameter.values();
  const Tensor grad = parameter.grad();
  Tensor scores = Tensor::empty(values.shape(), values.dtype());
  dispatch_floating(values.dtype(), "MEST", [&]<class T>() {
    const auto score = [weight = static_cast<T>(gradient_weight_)](T w, T g) {
      return std::abs(w) + weight * std::abs(g);
    };
    std::ranges::transform(values.span<T>(), grad.span<T>(), scores.mutable_data<T>(), score);
  });
  return scores;
}

std::optional<Positions> MEST::grow(const SparseParameter&, const PlanContext& context, const Vacancy& vacancy) const {
  return random_absent(vacancy.kept, vacancy.groups.size(), vacancy.missing.front(), context.key);
}

}  // namespace gossamer::sparse
