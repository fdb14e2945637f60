// What a drop fraction may be.
#pragma once

#include <string>

#include "gossamer/schedule.h"

namespace gossamer::sparse {

// Throws ConfigError, beginning with `op`, for a schedule that names a value outside [0, 1]: a constant, the first
// value of what changes, any value of a cycle, the minimum of a cosine, the end of a cubic. What a schedule becomes
// later is clamped, and a function is not asked before it is needed.
void check_drop_fraction(const std::string& op, const Schedule& drop_fraction);

}  // namespace gossamer::sparse
