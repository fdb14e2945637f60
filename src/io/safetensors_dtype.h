// The element types of the safetensors format, and how they become those of tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "gossamer/dtype.h"

namespace gossamer::io {

struct SafetensorsDtype {
  std::string_view name;
  int bits;  // of one element
  // What tensors hold it as; none: bytes alone.
  std::optional<DType> tensor{};
  // Converts n elements, unaligned, to the tensor's; null where the bytes are the same.
  void (*convert)(const std::byte* from, void* to, int64_t n) = nullptr;
};

// Null where the format has no such type.
const SafetensorsDtype* find_safetensors_dtype(std::string_view name) noexcept;

// How the format spells the type of a tensor.
std::string_view safetensors_name(DType dtype) noexcept;

}  // namespace gossamer::io
