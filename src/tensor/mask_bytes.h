// The bytes of boolean tensors, which an application or a file may have written.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>

#include "gossamer/tensor.h"
#include "runtime/check.h"

namespace gossamer {

// Throws FormatError, beginning with `op`, unless every byte of a bool tensor is 0 or 1: compilers read any other one
// as true here and false there.
inline void check_mask_bytes(std::string_view op, const Tensor& mask) {
  const std::span bytes(reinterpret_cast<const uint8_t*>(mask.data<bool>()), static_cast<size_t>(mask.numel()));
  unsigned all = 0;
  for (const uint8_t byte : bytes) all |= byte;
  if (all <= 1) return;
  const auto bad = std::ranges::find_if(bytes, [](uint8_t byte) { return byte > 1; });
  fail<FormatError>(op, "every byte of a bool tensor must be 0 or 1",
                    fmt::format("element {} is {}", bad - bytes.begin(), *bad));
}

}  // namespace gossamer
