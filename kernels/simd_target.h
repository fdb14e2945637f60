// Which instruction set the kernels use: the best that machine and compiler have, unless limited.
#pragma once

#include <string_view>

namespace gossamer::kernels {

// Name of the target that the kernels use, such as "AVX3".
const char* simd_target() noexcept;

// Name of target number `index` of those that this machine has and the kernels are compiled for, best first; null past
// the last.
const char* supported_simd_target(int index) noexcept;

// Keeps the kernels from targets better than `name`. False where no supported one is called so.
bool limit_simd_target(std::string_view name) noexcept;

// Whether a kernel ran: sizes of tiles are those of its target from then on.
bool simd_target_is_chosen() noexcept;

}  // namespace gossamer::kernels
