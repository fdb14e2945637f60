// What schedules of shares may be: drop fractions and sparsities.
#pragma once

#include <string>
#include <string_view>

#include "gossamer/schedule.h"
#include "gossamer/sparse/sparsity.h"

namespace gossamer::sparse {

// Throws ConfigError, beginning with `op`, for a schedule that names a value outside [0, 1]: a constant, the first
// value of what changes, any value of a cycle, the minimum of a cosine, the end of a cubic. What a schedule becomes
// later is clamped, and a function is not asked before it is needed.
void check_drop_fraction(const std::string& op, const Schedule& drop_fraction);

// The same for a sparsity called `what`; one that is constant must be below 1.
void check_sparsity(const std::string& op, std::string_view what, const Sparsity& sparsity);

}  // namespace gossamer::sparse
