// Checks that the options of several rules share.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <string_view>

#include "gossamer/error.h"
#include "runtime/check.h"

namespace gossamer::optim {

inline void check_not_negative(std::string_view rule, std::string_view option, double value) {
  if (std::isfinite(value) && value >= 0) return;
  fail<ConfigError>(rule, fmt::format("{} must be finite and not negative", option), fmt::format("{}", value));
}

inline void check_decay(std::string_view rule, std::string_view option, double value) {
  if (value >= 0 && value < 1) return;
  fail<ConfigError>(rule, fmt::format("{} must be in [0, 1)", option), fmt::format("{}", value));
}

}  // namespace gossamer::optim
