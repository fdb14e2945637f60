// Globs: which names a setting is for.
#pragma once

#include <string>

#pragma GCC visibility push(default)
namespace gossamer {

// Whether `name` matches a glob: * any run of bytes, ? one byte, [abc] [a-z] one of, [!abc] none of. Case counts, dots
// are ordinary characters, the whole name must match, and the locale does not matter.
bool glob_match(const std::string& pattern, const std::string& name);

}  // namespace gossamer
#pragma GCC visibility pop
