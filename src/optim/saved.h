// What state dicts of optimizers and of averages have in common.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/csr_pattern.h"
#include "gossamer/parameter.h"

namespace gossamer::optim {

// What errors call a parameter.
std::string label(const Parameter& parameter);

// The parameters' names. Throws StateError naming `op` unless each has one of its own.
std::vector<std::string> unique_names(std::string_view op, const std::vector<Parameter>& parameters);

// Patterns with equally many nonzeros are common (RigL keeps their number), and states loaded into another one would go
// unnoticed.
int64_t fingerprint(const CsrPattern& pattern);

}  // namespace gossamer::optim
