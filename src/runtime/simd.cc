// The choice of the SIMD target, by call and by environment.
#include "runtime/simd.h"

#include <fmt/ranges.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/runtime.h"
#include "kernels/simd_target.h"
#include "runtime/check.h"
#include "runtime/log.h"

namespace gossamer {

std::string_view simd_target() { return kernels::simd_target(); }

std::vector<std::string> simd_targets() {
  std::vector<std::string> names;
  for (int i = 0; kernels::supported_simd_target(i) != nullptr; ++i) {
    names.emplace_back(kernels::supported_simd_target(i));
  }
  return names;
}

void set_simd_target(std::string_view name) {
  constexpr const char* kOp = "set_simd_target";
  if (name == simd_target()) return;
  if (kernels::simd_target_is_chosen()) {
    fail<StateError>(kOp, "the target must be set before the first operation", fmt::format("it is {}", simd_target()),
                     "call it at the beginning of main, or set GOSSAMER_SIMD in the environment");
  }
  if (!kernels::limit_simd_target(name)) {
    fail<ConfigError>(kOp, fmt::format("the target must be among {}", fmt::join(simd_targets(), ", ")),
                      fmt::format("'{}'", name));
  }
}

namespace rt {

namespace {

bool apply_environment() noexcept {
  const char* const name = std::getenv("GOSSAMER_SIMD");
  if (name == nullptr || *name == '\0' || kernels::limit_simd_target(name)) return true;
  warn("GOSSAMER_SIMD: this machine has no target '{}'; the kernels use {}", name, kernels::simd_target());
  return false;
}

}  // namespace

const bool simd_environment_applied = apply_environment();

}  // namespace rt

}  // namespace gossamer
