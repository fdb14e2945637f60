#include "gossamer/sparse/static.h"

#include "runtime/check.h"
#include "sparse/settings/settings_of.h"

namespace gossamer::sparse {

Static::Static(StaticOptions options) : SparsityAlgorithm("Static", settings_of(options)) {
  sparsity().for_each([](const Schedule& schedule) {
    if (schedule.is_constant()) return;
    fail<ConfigError>("Static", "sparsity must be constant", "a schedule", "use GMP, SET or RigL for one");
  });
}

}  // namespace gossamer::sparse
