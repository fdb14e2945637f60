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

// The options that Adam and its relatives share.
template <class Options>
void check_adam(std::string_view rule, const Options& options) {
  check_not_negative(rule, "lr", options.lr);
  check_decay(rule, "beta1", options.beta1);
  check_decay(rule, "beta2", options.beta2);
  check_not_negative(rule, "eps", options.eps);
  check_not_negative(rule, "weight_decay", options.weight_decay);
}

}  // namespace gossamer::optim
