// The environment variable GOSSAMER_SIMD, read when the library is loaded.
#pragma once

namespace gossamer::rt {

// Whoever names it links the static library's object that reads the variable.
extern const bool simd_environment_applied;

}  // namespace gossamer::rt
