// Process-wide facts that belong to no other file.
#include "gossamer/runtime.h"

#include <string_view>

#include "kernels/csr.h"

namespace gossamer {

std::string_view simd_target() { return kernels::simd_target(); }

}  // namespace gossamer
