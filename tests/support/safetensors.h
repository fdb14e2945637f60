// Safetensors files made byte by byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tests/support/corpus.h"
#include "tests/support/files.h"

namespace gossamer {

// The length of the header, the header, the data.
inline Bytes safetensors_bytes(std::string_view header, const Bytes& data = {}) {
  Bytes bytes;
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<uint8_t>(static_cast<uint64_t>(header.size()) >> (8 * i)));
  bytes.insert(bytes.end(), header.begin(), header.end());
  bytes.insert(bytes.end(), data.begin(), data.end());
  return bytes;
}

inline Bytes text_bytes(std::string_view text) { return Bytes(text.begin(), text.end()); }

}  // namespace gossamer
