// What load_state_dict and load_weights have in common.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gossamer/nn/module.h"
#include "gossamer/state_dict.h"

namespace gossamer::nn {

// Module::load_state_dict under the name `op`; `faults`, of the form "'name' must ...", have been found before, and are
// listed with its own. `names_remedy` goes before what else helps where names are missing or unexpected.
LoadResult load_entries(std::string_view op, Module& module, const StateDict& dict, const LoadOptions& options,
                        const std::vector<std::string>& faults = {}, const std::string& names_remedy = {});

}  // namespace gossamer::nn
