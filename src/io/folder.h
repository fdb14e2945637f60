// What is in a folder.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace gossamer::io {

// The names in a folder, "." and ".." left out, in no order. `error` is 0, or what the system says (errno); the names
// read before come all the same. `path` is relative to the open folder `from`, or AT_FDCWD. (std::filesystem lists
// folders in functions that end the process when memory runs out.)
std::vector<std::string> names_in(int from, const char* path, int& error);

}  // namespace gossamer::io
