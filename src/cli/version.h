// What --version prints.
#pragma once

#include <string>

namespace gossamer::cli {

std::string version_text();

}  // namespace gossamer::cli
