// What mends a state dict whose names are not the module's.
#pragma once

#include <string>

#include "gossamer/state_dict.h"
#include "nn/load_entries.h"

namespace gossamer::nn {

// The remedy that the names suggest, or "": a prefix on one side, the entries of torch.nn.utils.prune, modules under
// other names.
std::string name_remedy(const LoadResult& unfit, Loader loader);

}  // namespace gossamer::nn
