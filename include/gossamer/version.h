// The version of the headers and of the library, and the language that they are written in. What a version promises
// stands in docs/versioning.md.
#pragma once

#if __cplusplus < 202002L
#error "Gossamer needs C++20: -std=c++20 (CMake: link gossamer::gossamer, which asks for it; Meson: cpp_std=c++20)"
#endif

#include <string_view>

#define GOSSAMER_VERSION_MAJOR 0
#define GOSSAMER_VERSION_MINOR 1
#define GOSSAMER_VERSION_PATCH 0
#define GOSSAMER_VERSION_STRING "0.1.0"
// For comparisons: 1.2.3 is 10203.
#define GOSSAMER_VERSION (GOSSAMER_VERSION_MAJOR * 10000 + GOSSAMER_VERSION_MINOR * 100 + GOSSAMER_VERSION_PATCH)

#pragma GCC visibility push(default)
namespace gossamer {

// GOSSAMER_VERSION_STRING of the library that the program runs with; the macros are those of the headers.
std::string_view version() noexcept;

}  // namespace gossamer
#pragma GCC visibility pop
