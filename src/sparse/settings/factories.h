// How configure() makes the algorithms that are ours alone: those without a counterpart in cerebras.pytorch.sparse.
#pragma once

#include <map>
#include <string>

#include "gossamer/sparse/configure.h"

namespace gossamer::sparse {

// granet, snfs, global_pruning and topkast. The keys are the names of their options; `scores` is magnitude or saliency.
std::map<std::string, AlgorithmFactory> library_factories();

}  // namespace gossamer::sparse
