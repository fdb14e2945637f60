// Forms in which sparse weights are written.
#pragma once

#include <string>
#include <vector>

#include "gossamer/state_dict.h"

namespace gossamer::cli {

// What --form takes: dense (w and w_mask), csr, and zeros (w alone, 0 where pruned).
inline const std::vector<std::string> kForms = {"dense", "csr", "zeros"};

// The dict with all its sparse weights in one of the forms.
StateDict in_form(const StateDict& dict, const std::string& form);

}  // namespace gossamer::cli
