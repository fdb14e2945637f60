// How configure() makes the algorithms of the library.
#pragma once

#include <map>
#include <string>

#include "gossamer/sparse/configure.h"

namespace gossamer::sparse {

// By name. The keys are the names of the options; `scores` of global_pruning is magnitude or saliency.
std::map<std::string, AlgorithmFactory> library_factories();

}  // namespace gossamer::sparse
