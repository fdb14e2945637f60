// Files of a data set in its folder.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace gossamer::data {

// folder/name, or folder/name.gz where that is missing. Throws FileError where both are.
std::filesystem::path find_file(std::string_view op, const std::filesystem::path& folder, const std::string& name,
                                std::string_view remedy);

}  // namespace gossamer::data
