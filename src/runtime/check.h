// One way to throw, so that every message has the same form: `op: what must hold; what was given; remedy`.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "gossamer/error.h"

namespace gossamer {

// Throws E with the message "op: must; given; remedy" (the remedy may be empty).
template <class E>
[[noreturn]] void fail(std::string_view op, std::string_view must, std::string_view given,
                       std::string_view remedy = {}) {
  throw E(remedy.empty() ? fmt::format("{}: {}; {}", op, must, given)
                         : fmt::format("{}: {}; {}; {}", op, must, given, remedy));
}

// The remedy where a share in [0, 1] was given in percent.
inline std::string remedy_of_share(double share) {
  return share > 1 && share < 100
             ? fmt::format("it is a share: {} for {} %", static_cast<float>(share / 100), static_cast<float>(share))
             : "";
}

}  // namespace gossamer
