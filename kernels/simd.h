// Which Highway targets the kernels are compiled for. Include before foreach_target.h.
#pragma once

// Arrays of vectors need a size known at compile time, which the scalable targets do not have; arm64 uses NEON. SSSE3
// and AVX3_DL bring nothing to arithmetic of floats, and cost a third of the time to compile.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV | HWY_SSSE3 | HWY_AVX3_DL)
