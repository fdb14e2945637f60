// How configure() makes the algorithms that cerebras.pytorch.sparse has not.
#pragma once

#include <map>
#include <string>

#include "gossamer/sparse/configure.h"

namespace gossamer::sparse {

// granet, snfs, global_pruning and topkast. The keys are the names of their options; `scores` is magnitude or saliency.
std::map<std::string, AlgorithmFactory> beyond_factories();

}  // namespace gossamer::sparse
