// Globs of the command line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gossamer::cli {

bool any_match(const std::vector<std::string>& globs, const std::string& name);

// Throws ConfigError, naming the weights, for a glob that matches none of them.
void check_globs(std::string_view option, const std::vector<std::string>& globs, const std::vector<std::string>& names);

}  // namespace gossamer::cli
