#include "cli/globs.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/nearest.h"
#include "gossamer/glob.h"
#include "runtime/check.h"

namespace gossamer::cli {

bool any_match(const std::vector<std::string>& globs, const std::string& name) {
  return std::ranges::any_of(globs, [&](const std::string& glob) { return glob_match(glob, name); });
}

void check_globs(std::string_view option, const std::vector<std::string>& globs,
                 const std::vector<std::string>& names) {
  for (const std::string& glob : globs) {
    if (std::ranges::any_of(names, [&](const std::string& name) { return glob_match(glob, name); })) continue;
    fail<ConfigError>(option, "the glob must match a weight of the file", fmt::format("'{}' matches none", glob),
                      "there are " + list_first(names));
  }
}

}  // namespace gossamer::cli
