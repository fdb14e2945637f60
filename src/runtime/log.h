// Where warnings go: the callback of set_log_callback.
#pragma once

#include <string_view>

#include "gossamer/runtime.h"

namespace gossamer::rt {

void log(LogLevel level, std::string_view message);

}  // namespace gossamer::rt
