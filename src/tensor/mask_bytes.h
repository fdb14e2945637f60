// Masks as an application or a file may have written them, and weights under them.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "gossamer/dispatch.h"
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

// Whether every element of a mask of any type, as other libraries write them, is 0 or 1.
inline bool holds_bits(const Tensor& mask) {
  if (mask.dtype() == DType::boolean) return !bad_mask_byte(mask);
  return dispatch_all(mask.dtype(), [&]<class T>() {
    return std::ranges::all_of(mask.span<T>(), [](T x) { return x == T(0) || x == T(1); });
  });
}

// The weight where a boolean mask of its shape is set, 0 elsewhere.
inline Tensor masked(const Tensor& weight, const Tensor& mask) {
  Tensor result = weight.clone();
  dispatch_floating(result.dtype(), "masked", [&]<class T>() {
    T* const to = result.mutable_data<T>();
    const auto bits = mask.span<bool>();
    for (size_t i = 0; i < bits.size(); ++i) {
      if (!bits[i]) to[i] = T(0);
    }
  });
  return result;
}

}  // namespace gossamer
