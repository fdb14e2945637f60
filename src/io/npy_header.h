// The header of a .npy file: a Python literal that says what the elements are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gossamer/tensor.h"
#include "io/byte_range.h"
#include "io/refusal.h"

namespace gossamer::io {

struct NpyHeader {
  std::string type;  // "f4": b, i, u or f, and the bytes of an element
  bool big_endian = false;
  bool fortran_order = false;
  std::vector<int64_t> shape;
  int64_t bytes = 0;  // of all elements, which begin at `begin`
  int64_t begin = 0;
};

// Throws FormatError for what is no header, and for elements that become none of Tensor's.
NpyHeader read_npy_header(const ByteRange& file, const Origin& origin);

// The header for a tensor's elements, padded to a multiple of 64 bytes.
std::string npy_header(const Tensor& tensor);

}  // namespace gossamer::io
