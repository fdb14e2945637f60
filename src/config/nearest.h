// Names that may have been meant by one that does not exist.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gossamer {

// Insertions, deletions, replacements and swaps of neighbours from a to b.
size_t edit_distance(std::string_view a, std::string_view b);

// "'fc1.weight', 'fc2.weight' and 4 more": 8 names at most, those nearest to one of `wanted` first. "none" without
// names.
std::string list_nearest(const std::vector<std::string>& wanted, std::vector<std::string> names);

// "fc1.weight, fc2.weight, ...": the first 8 names, for what the command line says of a file.
std::string list_first(std::span<const std::string> names);

}  // namespace gossamer
