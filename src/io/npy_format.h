// Arrays in .npy form wherever they stand: a file of their own, or a member of an archive.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "gossamer/tensor.h"
#include "io/byte_range.h"
#include "io/refusal.h"

namespace gossamer::io {

// Throws FormatError unless the whole range is one array.
Tensor read_npy(const ByteRange& file, const Origin& origin);

// The bytes that follow npy_header(tensor).
std::span<const std::byte> elements_of(const Tensor& tensor);

// Throws StateError, naming the tensor, where it is undefined.
void check_defined(std::string_view op, std::string_view name, const Tensor& tensor);

}  // namespace gossamer::io
