// What the library logs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gossamer/runtime.h"

namespace gossamer::test {

// Collects what the library logs while it is alive.
class LogCapture {
 public:
  LogCapture() {
    set_log_callback([this](LogLevel, std::string_view message) { messages.emplace_back(message); });
  }
  ~LogCapture() { set_log_callback({}); }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  std::vector<std::string> messages;
};

}  // namespace gossamer::test
