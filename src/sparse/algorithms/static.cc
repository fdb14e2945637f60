#include "gossamer/sparse/static.h"

#include <utility>

#include "runtime/check.h"

namespace gossamer::sparse {

Static::Static(StaticOptions options)
    : SparsityAlgorithm("Static", {.sparsity = std::move(options.sparsity),
                                   .init_method = std::move(options.init_method),
                                   .seed = options.seed}) {
  sparsity().for_each([](const Schedule& schedule) {
    if (schedule.is_constant()) return;
    fail<ConfigError>("Static", "sparsity must be constant", "a schedule", "use GMP, SET or RigL for one");
  });
}

}  // namespace gossamer::sparse
