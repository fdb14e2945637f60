#include "gossamer/sparse/set.h"

#include <fmt/format.h>

#include <utility>

#include "gossamer/dispatch.h"
#include "runtime/check.h"
#include "sparse/selection/select.h"
#include "sparse/settings/settings_of.h"

namespace gossamer::sparse {

SET::SET(SETOptions options)
    : DropAndGrow("SET", settings_of(options), options.update, options.drop_fraction),
      growth_scores_(std::move(options.growth_scores)) {}

std::optional<Positions> SET::grow(const SparseParameter& parameter, const PlanContext& context,
                                   const Vacancy& vacancy) const {
  const Shape& shape = parameter.param().shape();
  const int64_t missing = vacancy.missing.front();
  if (!growth_scores_) return random_absent(vacancy.kept, vacancy.groups.size(), missing, context.key);
  const Tensor scores = growth_scores_(parameter, context.time.step);
  if (scores.shape() != shape) {
    fail<ShapeError>("SET growth_scores",
                     fmt::format("scores of '{}' must have shape {}", parameter.name(), shape.to_string()),
                     scores.shape().to_string());
  }
  TopK best(missing);
  dispatch_floating(scores.dtype(), "SET growth_scores", [&]<class T>() {
    const T* s = scores.data<T>();
    for_each_absent(vacancy.kept, vacancy.groups.cols, 0, vacancy.groups.rows,
                    [&](int64_t, int64_t, int64_t at) { best.offer(s[at], at); });
  });
  Positions grown;
  best.take(grown);
  return grown;
}

}  // namespace gossamer::sparse
