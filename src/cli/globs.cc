#include "cli/globs.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <span>

#include "gossamer/glob.h"
#include "runtime/check.h"

namespace gossamer::cli {

bool any_match(const std::vector<std::string>& globs, const std::string& name) {
  return std::ranges::any_of(globs, [&](const std::string& glob) { return glob_match(glob, name); });
}

void check_globs(std::string_view option, const std::vector<std::string>& globs,
                 const std::vector<std::string>& names) {
  constexpr size_t kShown = 8;
  for (const std::string& glob : globs) {
    if (std::ranges::any_of(names, [&](const std::string& name) { return glob_match(glob, name); })) continue;
    const std::span<const std::string> shown(names.data(), std::min(names.size(), kShown));
    fail<ConfigError>(option, "the glob must match a weight of the file", fmt::format("'{}' matches none", glob),
                      fmt::format("there are {}{}", fmt::join(shown, ", "), names.size() > kShown ? ", ..." : ""));
  }
}

}  // namespace gossamer::cli
