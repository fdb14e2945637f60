#include "gossamer/sparse/granet.h"

#include <algorithm>

#include "sparse/selection/select.h"
#include "sparse/settings/settings_of.h"

namespace gossamer::sparse {

GraNet::GraNet(GraNetOptions options)
    : DropAndGrow("GraNet", settings_of(options), options.update, options.drop_fraction) {}

int64_t GraNet::num_to_keep(const Parameter& parameter, int64_t nnz, const PlanContext& context) const {
  const int64_t target = num_kept(context.sparsity, parameter.numel());
  return num_after_drop(drop_fraction().at(context.time), std::min(target, nnz), 1);
}

}  // namespace gossamer::sparse
