// Height and width, as options of operations on images.
#pragma once

#include <cstdint>

#pragma GCC visibility push(default)
namespace gossamer {

// {.kernel = 3} stands for {.kernel = {3, 3}}.
struct Size2d {
  int64_t h;
  int64_t w;

  constexpr Size2d(int64_t both) : h(both), w(both) {}  // NOLINT(google-explicit-constructor): one number for both
  constexpr Size2d(int64_t height, int64_t width) : h(height), w(width) {}
  bool operator==(const Size2d&) const = default;
};

}  // namespace gossamer
#pragma GCC visibility pop
