// The settings of the base out of the options of an algorithm.
#pragma once

#include "gossamer/sparse/algorithm.h"

namespace gossamer::sparse {

// Any options aggregate with sparsity, init_method and seed.
template <class Options>
SparsitySettings settings_of(const Options& options) {
  return {.sparsity = options.sparsity, .init_method = options.init_method, .seed = options.seed};
}

}  // namespace gossamer::sparse
