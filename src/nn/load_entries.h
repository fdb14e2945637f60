// What load_state_dict and load_weights have in common.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gossamer/nn/module.h"
#include "gossamer/state_dict.h"

namespace gossamer::nn {

enum class Loader { State, Weights };  // load_state_dict, load_weights

// Module::load_state_dict under the name `op`; `faults`, of the form "'name' must ...", have been found before, and are
// listed with its own.
LoadResult load_entries(std::string_view op, Module& module, const StateDict& dict, const LoadOptions& options,
                        Loader loader, const std::vector<std::string>& faults = {});

}  // namespace gossamer::nn
