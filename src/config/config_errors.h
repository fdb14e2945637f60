// Errors in configurations: the path of the key in front, and a guess of what was meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gossamer/error.h"

namespace gossamer {

// "did you mean 'freq'?" for the closest of the names, where one is close; else "".
std::string guess(std::string_view name, const std::vector<std::string>& names);

std::string to_lower(std::string_view text);

// f(), with the path in front of the message of a ConfigError that has none yet.
template <class F>
auto with_path(const std::string& path, F&& f) {
  try {
    return f();
  } catch (const ConfigError& error) {
    if (std::string_view(error.what()).starts_with(path)) throw;
    throw ConfigError(path + ": " + error.what());
  }
}

}  // namespace gossamer
