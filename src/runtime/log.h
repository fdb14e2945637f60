// Where warnings go: the callback of set_log_callback.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string_view>
#include <utility>

#include "gossamer/runtime.h"

namespace gossamer::rt {

// Drops what the callback throws: a message is no reason to leave an operation half done.
void log(LogLevel level, std::string_view message) noexcept;

// Whether a callback is set. Without one nobody reads what log() says, which then need not be found out.
bool has_log_callback() noexcept;

// A warning that a result will not be what was asked for. Without a callback it goes to standard error: each text once,
// and kMaxPrinted texts in a process.
constexpr size_t kMaxPrinted = 16;
void warn_text(std::string_view message) noexcept;

template <class... Args>
void warn(fmt::format_string<Args...> text, Args&&... args) noexcept {
  try {
    warn_text(fmt::format(text, std::forward<Args>(args)...));
  } catch (...) {  // out of memory
    warn_text("a warning could not be written");
  }
}

}  // namespace gossamer::rt
