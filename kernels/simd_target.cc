#include "kernels/simd_target.h"

#include <cstdint>
#include <string_view>

#include "kernels/simd.h"

// After kernels/simd.h, whose choice of targets it reads.
#include "hwy/highway.h"

namespace gossamer::kernels {

namespace {

// A target is a bit, and better ones have lower bits.
int64_t lowest_bit(int64_t targets) { return targets & -targets; }

int64_t supported() {
  const bool chosen = simd_target_is_chosen();
  const int64_t targets = hwy::SupportedTargets() & HWY_TARGETS;
  if (!chosen) hwy::GetChosenTarget().DeInit();  // asking chooses
  return targets;
}

}  // namespace

const char* simd_target() noexcept { return hwy::TargetName(lowest_bit(supported())); }

const char* supported_simd_target(int index) noexcept {
  int64_t left = supported();
  for (; left != 0 && index > 0; --index) left &= left - 1;
  return left == 0 ? nullptr : hwy::TargetName(lowest_bit(left));
}

bool limit_simd_target(std::string_view name) noexcept {
  for (int64_t left = supported(); left != 0; left &= left - 1) {
    if (hwy::TargetName(lowest_bit(left)) != name) continue;
    hwy::DisableTargets(lowest_bit(left) - 1);
    return true;
  }
  return false;
}

bool simd_target_is_chosen() noexcept { return hwy::GetChosenTarget().IsInitialized(); }

}  // namespace gossamer::kernels
