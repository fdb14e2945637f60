// The bytes of boolean tensors, which an application or a file may have written.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "gossamer/tensor.h"
#include "runtime/check.h"

namespace gossamer {

struct BadMaskByte {
  int64_t index;
  uint8_t byte;
};

// The first byte of a bool tensor that is neither 0 nor 1: compilers read it as true here and false there.
inline std::optional<BadMaskByte> bad_mask_byte(const Tensor& mask) {
  const std::span bytes(reinterpret_cast<const uint8_t*>(mask.data<bool>()), static_cast<size_t>(mask.numel()));
  unsigned all = 0;
  for (const uint8_t byte : bytes) all |= byte;
  if (all <= 1) return {};
  const auto bad = std::ranges::find_if(bytes, [](uint8_t byte) { return byte > 1; });
  return BadMaskByte{bad - bytes.begin(), *bad};
}

// Throws FormatError, beginning with `op`, where there is one.
inline void check_mask_bytes(std::string_view op, const Tensor& mask) {
  if (const auto bad = bad_mask_byte(mask)) {
    fail<FormatError>(op, "every byte of a bool tensor must be 0 or 1",
                      fmt::format("element {} is {}", bad->index, bad->byte));
  }
}

}  // namespace gossamer
