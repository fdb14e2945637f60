// The check of indices that every data set makes.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "gossamer/error.h"
#include "runtime/check.h"

namespace gossamer::data {

// Throws IndexError unless all are in [0, size).
inline void check_indices(std::string_view op, std::span<const int64_t> indices, int64_t size) {
  for (const int64_t i : indices) {
    if (i < 0 || i >= size) {
      fail<IndexError>(op, fmt::format("an index must be in [0, {})", size), fmt::format("index {}", i));
    }
  }
}

}  // namespace gossamer::data
